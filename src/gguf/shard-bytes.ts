import { AppError } from '../shared/errors.ts';
import type { GgufHeader } from './header.ts';
import type { QuantType } from './quant.ts';
import { LAYER_ROLES, type TensorRole } from './weight-tensor.ts';

/** Where in the file one tensor of a shard lies. */
export interface TensorSlice {
  role: TensorRole;
  type: QuantType;
  /** Output rows; 1 for a norm. */
  rows: number;
  /** Input columns: the fastest dimension. */
  columns: number;
  /** Bytes [start, end) of the file. */
  start: number;
  end: number;
}

/** What one decoder layer needs, in file order. @throws AppError model-malformed when a tensor is missing */
export function layerTensors(header: GgufHeader, layer: number): TensorSlice[] {
  return inFileOrder(LAYER_ROLES.map((role) => slice(header, `blk.${layer}.${role}.weight`, role)));
}

/** The final norm and the output matrix, which is the token embedding where the file has no `output.weight`. */
export function headTensors(header: GgufHeader): TensorSlice[] {
  const outputName = hasTiedHead(header) ? 'token_embd.weight' : 'output.weight';
  return inFileOrder([slice(header, 'output_norm.weight', 'output_norm'), slice(header, outputName, 'output')]);
}

export function embeddingTensors(header: GgufHeader): TensorSlice[] {
  return [slice(header, 'token_embd.weight', 'token_embd')];
}

export function hasTiedHead(header: GgufHeader): boolean {
  return !header.tensors.has('output.weight');
}

export function sliceBytes(slices: readonly TensorSlice[]): number {
  return slices.reduce((sum, { start, end }) => sum + end - start, 0);
}

function slice(header: GgufHeader, name: string, role: TensorRole): TensorSlice {
  const tensor = header.tensors.get(name);
  if (!tensor) throw new AppError('model-malformed', `the file lacks the tensor ${name}`);
  const { type, shape, offset, byteLength } = tensor;
  const [columns = 1, rows = 1, ...rest] = shape;
  if (rest.some((dimension) => dimension !== 1)) {
    throw new AppError(
      'model-malformed',
      `${name} has the shape ${shape.join(' x ')}; a llama tensor has at most two dimensions`,
    );
  }
  return { role, type, rows, columns, start: offset, end: offset + byteLength };
}

function inFileOrder(slices: TensorSlice[]): TensorSlice[] {
  return slices.sort((a, b) => a.start - b.start);
}
