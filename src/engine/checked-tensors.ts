import { rowBytes } from '../gguf/quant.ts';
import type { TensorRole, WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { tensorShape } from './tensor-shape.ts';

/**
 * Passes tensors on after checking each against the model: its role is one of `roles` and comes once, its shape is the
 * one that the spec gives, its bytes are all there; and that none is missing at the end.
 *
 * @throws AppError model-malformed
 */
export async function* checkedTensors(
  spec: ModelSpec,
  roles: readonly TensorRole[],
  tensors: AsyncIterable<WeightTensor>,
): AsyncGenerator<WeightTensor> {
  const missing = new Set<TensorRole>(roles);
  for await (const tensor of tensors) {
    if (!missing.delete(tensor.role))
      throw new AppError('model-malformed', `tensor ${tensor.role} came twice or is not of this part`);
    checkShape(spec, tensor);
    yield tensor;
  }
  if (missing.size > 0) throw new AppError('model-malformed', `tensors missing: ${[...missing].join(', ')}`);
}

function checkShape(spec: ModelSpec, { role, type, rows, columns, bytes }: WeightTensor): void {
  const shape = tensorShape(spec, role);
  if (rows !== shape.rows || columns !== shape.columns) {
    throw new AppError('model-malformed', `${role} is ${rows} x ${columns}, the model needs ${shape.rows} x ${shape.columns}`);
  }
  const neededBytes = rows * rowBytes(type, columns);
  if (bytes.length !== neededBytes) {
    throw new AppError('model-malformed', `${role} has ${bytes.length} bytes, ${type} of this shape takes ${neededBytes}`);
  }
}
