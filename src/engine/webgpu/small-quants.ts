/** Blocks to take apart, as 16-bit words, and where their parts go. */
export interface SplitWork {
  source: Uint16Array;
  blocks: number;
  quants: Uint16Array;
  scales: Uint16Array;
}

/**
 * Packs 32 quants of a few bits, which come one to a byte, as planes that kernels read (formats.ts): 16 bytes of nibbles for
 * formats of four bits and more (values 0-15 low, 16-31 high), 8 bytes of pairs for those of 2, 3 and 6 bits, 4 bytes of
 * single bits for those of 3 and 5. Where in its byte quad k, the values 4k to 4k + 3, stands: nibbles at 4 * (k / 4), pairs at
 * 2 * (k mod 4) of word k / 4, single bits at k.
 */
export function packSmall(bits: 2 | 3 | 4 | 5 | 6, small: Uint16Array, quants: Uint16Array, to: number): void {
  let at = to;
  if (bits >= 4) {
    for (let h = 0; h < 8; h++) quants[at++] = (small[h]! & 0x0f0f) | ((small[h + 8]! & 0x0f0f) << 4);
  }
  if (bits === 2 || bits === 3) at = packPairs(small, 0, quants, at);
  if (bits === 6) at = packPairs(small, 4, quants, at);
  if (bits === 3 || bits === 5) packSingles(small, bits - 1, quants, at);
}

/** Half-word h holds values 2h and 2h + 1: the halves 0, 1 of quad h / 2. */
function packPairs(small: Uint16Array, bit: number, quants: Uint16Array, at: number): number {
  for (let i = 0; i < 4; i++) {
    const first = 8 * (i >> 1) + (i & 1);
    let packed = 0;
    for (let k = 0; k < 4; k++) packed |= ((small[first + 2 * k]! >> bit) & 0x0303) << (2 * k);
    quants[at + i] = packed;
  }
  return at + 4;
}

function packSingles(small: Uint16Array, bit: number, quants: Uint16Array, at: number): void {
  for (let i = 0; i < 2; i++) {
    let packed = 0;
    for (let k = 0; k < 8; k++) packed |= ((small[i + 2 * k]! >> bit) & 0x0101) << k;
    quants[at + i] = packed;
  }
}
