import type { HeadRow } from '../shared/model/head-row.ts';
import type { HiddenRows } from '../shared/protocol/frame.ts';

/**
 * 64 bits over the bits of a stage's result. Two lanes of a multiply-xor hash with unlike constants: quick in JavaScript, and good
 * to tell whether two devices computed the same. It is no signature.
 */
export function digestOf(parts: readonly ArrayBufferView[]): bigint {
  let [a, b] = [0x9e3779b9, 0x85ebca6b];
  for (const part of parts) {
    const words = new Uint32Array(part.buffer, part.byteOffset, part.byteLength / 4);
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!;
      a = Math.imul(a ^ word, 0x2c1b3c6d);
      a ^= a >>> 15;
      b = Math.imul(b ^ word, 0x297a2d39);
      b ^= b >>> 13;
    }
  }
  return (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0);
}

export function digestOfReply(rows: readonly HeadRow[], hidden: HiddenRows | null): bigint {
  const parts = rows.flatMap((row) => [
    Float32Array.of(row.logSumExp, row.scaledLogSumExp),
    row.topIds,
    row.topLogits,
    row.wantLogits,
    row.logits ?? new Float32Array(0),
  ]);
  return digestOf(hidden ? [...parts, hidden.values] : parts);
}
