import { halfToFloat } from '../shared/model/float16.ts';

/** Formats without blocks: every value stands for itself. `blocks` are values. */

export function f32(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < blocks; i++) out[i] = view.getFloat32(at + 4 * i, true);
}

export function f16(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let i = 0; i < blocks; i++) out[i] = halfAt(bytes, at + 2 * i);
}

/** The upper half of a float32. */
export function bf16(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, blocks);
  for (let i = 0; i < blocks; i++) bits[i] = (bytes[at + 2 * i]! << 16) | (bytes[at + 2 * i + 1]! << 24);
}

/** The half-precision number at a byte offset. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halfToFloat(bytes[at]! | (bytes[at + 1]! << 8));
}
