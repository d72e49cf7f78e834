import { halfAt } from './quant-floats.ts';

/** Formats with blocks of 32 values. Of 16 bytes of nibbles the low ones are values 0-15, the high ones 16-31. */
const VALUES = 32;

/** f16 d, then 32 signed bytes q; value = d * q. */
export function q8_0(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0, to = 0; block < blocks; block++, at += 34) {
    const scale = halfAt(bytes, at);
    for (let i = 0; i < VALUES; i++) out[to++] = scale * ((bytes[at + 2 + i]! << 24) >> 24);
  }
}

/** f16 d, 16 bytes of nibbles q; value = d * (q - 8). */
export function q4_0(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 18) {
    const scale = halfAt(bytes, at);
    nibbles(bytes, at + 2, scale, -8 * scale, out, VALUES * block);
  }
}

/** f16 d, f16 m, 16 bytes of nibbles q; value = d * q + m. */
export function q4_1(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 20) {
    nibbles(bytes, at + 4, halfAt(bytes, at), halfAt(bytes, at + 2), out, VALUES * block);
  }
}

/** f16 d, 32 fifth bits in the order of the values, 16 bytes of nibbles; value = d * (q - 16). */
export function q5_0(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 22) {
    const scale = halfAt(bytes, at);
    fiveBits(bytes, at + 2, scale, -16 * scale, out, VALUES * block);
  }
}

/** f16 d, f16 m, 32 fifth bits, 16 bytes of nibbles; value = d * q + m. */
export function q5_1(bytes: Uint8Array, at: number, blocks: number, out: Float32Array): void {
  for (let block = 0; block < blocks; block++, at += 24) {
    fiveBits(bytes, at + 4, halfAt(bytes, at), halfAt(bytes, at + 2), out, VALUES * block);
  }
}

function nibbles(bytes: Uint8Array, at: number, scale: number, least: number, out: Float32Array, to: number): void {
  for (let i = 0; i < 16; i++) {
    const packed = bytes[at + i]!;
    out[to + i] = scale * (packed & 15) + least;
    out[to + 16 + i] = scale * (packed >> 4) + least;
  }
}

function fiveBits(bytes: Uint8Array, at: number, scale: number, least: number, out: Float32Array, to: number): void {
  for (let i = 0; i < VALUES; i++) {
    const packed = bytes[at + 4 + (i & 15)]!;
    const fifth = (bytes[at + (i >> 3)]! >> (i & 7)) & 1;
    out[to + i] = scale * ((i < 16 ? packed & 15 : packed >> 4) | (fifth << 4)) + least;
  }
}
