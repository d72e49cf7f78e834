import { rowBytes } from '../gguf/quant.ts';
import type { TensorRole, WeightTensor } from '../gguf/weight-tensor.ts';
import { AppError } from '../shared/errors.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { tensorShape } from './tensor-shape.ts';

/**
 * Passes tensors, or their pieces, on after checking each against the model: its role is one of `roles`, its rows come once and in
 * order, its shape is the one that the spec gives, its bytes are all there; and that nothing is missing at the end.
 *
 * @throws AppError model-malformed
 */
export async function* checkedTensors(
  spec: ModelSpec,
  roles: readonly TensorRole[],
  tensors: AsyncIterable<WeightTensor>,
): AsyncGenerator<WeightTensor> {
  const arrivedRows = new Map<TensorRole, number>(roles.map((role) => [role, 0]));
  for await (const tensor of tensors) {
    const { role, rows, firstRow = 0 } = tensor;
    if (arrivedRows.get(role) !== firstRow) {
      throw new AppError('model-malformed', `row ${firstRow} of tensor ${role} came twice, too early or is not of this part`);
    }
    checkShape(spec, tensor);
    arrivedRows.set(role, firstRow + rows);
    yield tensor;
  }
  const missing = roles.filter((role) => arrivedRows.get(role) !== tensorShape(spec, role).rows);
  if (missing.length > 0) throw new AppError('model-malformed', `tensors missing: ${missing.join(', ')}`);
}

/**
 * The same for engines that want a tensor whole: pieces are put together. The bytes are the receiver's own.
 *
 * @throws AppError model-malformed; RangeError when there is no memory
 */
export async function* wholeTensors(
  spec: ModelSpec,
  roles: readonly TensorRole[],
  tensors: AsyncIterable<WeightTensor>,
): AsyncGenerator<WeightTensor> {
  let whole: Uint8Array | null = null;
  for await (const { firstRow = 0, ...piece } of checkedTensors(spec, roles, tensors)) {
    const { rows } = tensorShape(spec, piece.role);
    const bytesPerRow = rowBytes(piece.type, piece.columns);
    whole ??= new Uint8Array(rows * bytesPerRow);
    whole.set(piece.bytes, firstRow * bytesPerRow);
    if (firstRow + piece.rows < rows) continue;
    yield { ...piece, rows, bytes: whole };
    whole = null;
  }
}

function checkShape(spec: ModelSpec, { role, type, rows, firstRow, columns, bytes }: WeightTensor): void {
  const shape = tensorShape(spec, role);
  const fits = firstRow === undefined ? rows === shape.rows : firstRow + rows <= shape.rows;
  if (!fits || columns !== shape.columns) {
    const end = (firstRow ?? 0) + rows;
    throw new AppError('model-malformed', `${role} is ${end} x ${columns}, the model needs ${shape.rows} x ${shape.columns}`);
  }
  const neededBytes = rows * rowBytes(type, columns);
  if (bytes.length !== neededBytes) {
    throw new AppError('model-malformed', `${role} has ${bytes.length} bytes, ${type} of this shape takes ${neededBytes}`);
  }
}
