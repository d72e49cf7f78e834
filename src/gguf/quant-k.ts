import { halfAt } from './quant-floats.ts';

/**
 * The K formats: superblocks of 256 values in sub-blocks of 16 or 32, whose own small scales (and minima) are multiplied by
 * the superblock's. Products of a half-precision number with a scale and a quant are exact in float64, so each value is
 * rounded once, and equals llama.cpp's.
 */
const VALUES = 256;

/** 16 bytes of scale and minimum (low, high nibble), 64 bytes of 2-bit quants, f16 d, f16 dmin; value = d * s * q - dmin * m. */
export function q2K(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 84) {
    const d = halfAt(bytes, at + 80);
    const dmin = halfAt(bytes, at + 82);
    for (let i = 0; i < VALUES; i++) {
      const both = bytes[at + (i >> 4)]!;
      const quant = twoBits(bytes, at + 16, i);
      out[VALUES * block + i] = d * (both & 15) * quant - dmin * (both >> 4);
    }
  }
}

/** 32 bytes of third bits, 64 of 2-bit quants, 12 of 6-bit scales, f16 d; value = d * (s - 32) * (q - 4). */
export function q3K(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 110) {
    const d = halfAt(bytes, at + 108);
    for (let i = 0; i < VALUES; i++) {
      const third = (bytes[at + (i & 31)]! >> (i >> 5)) & 1;
      const quant = twoBits(bytes, at + 32, i) | (third << 2);
      out[VALUES * block + i] = d * (q3Scale(bytes, at + 96, i >> 4) - 32) * (quant - 4);
    }
  }
}

/** f16 d, f16 dmin, 12 bytes of 6-bit scales and minima, 128 bytes of nibbles; value = d * s * q - dmin * m. */
export function q4K(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 144) {
    for (let sub = 0; sub < 8; sub++) {
      const scale = halfAt(bytes, at) * packedScale(bytes, at + 4, sub);
      const least = halfAt(bytes, at + 2) * packedMinimum(bytes, at + 4, sub);
      const from = at + 16 + 32 * (sub >> 1);
      const to = VALUES * block + 32 * sub;
      const shift = 4 * (sub & 1);
      for (let i = 0; i < 32; i++) out[to + i] = scale * ((bytes[from + i]! >> shift) & 15) - least;
    }
  }
}

/** As Q4_K with 32 bytes of fifth bits before the nibbles: bit b of byte i is that of value i of sub-block b. */
export function q5K(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 176) {
    for (let sub = 0; sub < 8; sub++) {
      const scale = halfAt(bytes, at) * packedScale(bytes, at + 4, sub);
      const least = halfAt(bytes, at + 2) * packedMinimum(bytes, at + 4, sub);
      const from = at + 48 + 32 * (sub >> 1);
      const to = VALUES * block + 32 * sub;
      for (let i = 0; i < 32; i++) {
        const nibble = (bytes[from + i]! >> (4 * (sub & 1))) & 15;
        const fifth = (bytes[at + 16 + i]! >> sub) & 1;
        out[to + i] = scale * (nibble | (fifth << 4)) - least;
      }
    }
  }
}

/** 128 bytes of nibbles, 64 of upper 2-bit parts, 16 signed scales of 16 values each, f16 d; value = d * s * (q - 32). */
export function q6K(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 210) {
    const d = halfAt(bytes, at + 208);
    for (let i = 0; i < VALUES; i++) {
      const half = i >> 7;
      const quarter = (i >> 5) & 3;
      const nibble = (bytes[at + 64 * half + 32 * (quarter & 1) + (i & 31)]! >> (4 * (quarter >> 1))) & 15;
      const upper = (bytes[at + 128 + 32 * half + (i & 31)]! >> (2 * quarter)) & 3;
      const scale = (bytes[at + 192 + (i >> 4)]! << 24) >> 24;
      out[VALUES * block + i] = d * scale * ((nibble | (upper << 4)) - 32);
    }
  }
}

/** Value i of 64 bytes: each 32 bytes hold 128 values, byte i mod 32 four of them, 32 apart, from the lowest bits up. */
function twoBits(bytes: Uint8Array, at: number, i: number): number {
  return (bytes[at + 32 * (i >> 7) + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
}

/** Scale j of 16: four bits in the first eight bytes, the two upper ones in the last four. */
function q3Scale(bytes: Uint8Array, at: number, j: number): number {
  const lower = (bytes[at + (j & 7)]! >> (4 * (j >> 3))) & 15;
  const upper = (bytes[at + 8 + (j & 3)]! >> (2 * (j >> 2))) & 3;
  return lower | (upper << 4);
}

/** Scale of sub-block j: six bits of byte j, for the last four sub-blocks four bits of byte j + 4 and two of byte j - 4. */
function packedScale(bytes: Uint8Array, at: number, j: number): number {
  return j < 4 ? bytes[at + j]! & 63 : (bytes[at + j + 4]! & 15) | ((bytes[at + j - 4]! >> 6) << 4);
}

function packedMinimum(bytes: Uint8Array, at: number, j: number): number {
  return j < 4 ? bytes[at + j + 4]! & 63 : (bytes[at + j + 4]! >> 4) | ((bytes[at + j]! >> 6) << 4);
}
