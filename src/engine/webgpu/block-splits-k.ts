import { packSmall, type SplitWork } from './small-quants.ts';

/**
 * Superblocks of the K formats become eight blocks of 32 quants, and their scales stay in the order of the file. In all
 * offsets 16-bit words are counted; what lies where in a superblock is said in src/gguf/quant-k.ts.
 */
export function q2K(work: SplitWork): void {
  const scales = [
    [0, 8],
    [40, 42],
  ] as const;
  splitAll(work, { bits: 2, blockHalves: 42, scales }, (source, at, sub, small) => {
    for (let h = 0; h < 16; h++) small[h] = pairAt(source, at + 8, sub, h);
  });
}

export function q3K(work: SplitWork): void {
  splitAll(work, { bits: 3, blockHalves: 55, scales: [[48, 55]] }, (source, at, sub, small) => {
    for (let h = 0; h < 16; h++) {
      small[h] = pairAt(source, at + 16, sub, h) | (((source[at + h]! >> sub) & 0x0101) << 2);
    }
  });
}

export function q4K(work: SplitWork): void {
  splitAll(work, { bits: 4, blockHalves: 72, scales: [[0, 8]] }, (source, at, sub, small) => {
    for (let h = 0; h < 16; h++) small[h] = nibbleAt(source, at + 8, sub, h);
  });
}

export function q5K(work: SplitWork): void {
  splitAll(work, { bits: 5, blockHalves: 88, scales: [[0, 8]] }, (source, at, sub, small) => {
    for (let h = 0; h < 16; h++) {
      small[h] = nibbleAt(source, at + 24, sub, h) | (((source[at + 8 + h]! >> sub) & 0x0101) << 4);
    }
  });
}

export function q6K(work: SplitWork): void {
  splitAll(work, { bits: 6, blockHalves: 105, scales: [[96, 105]] }, (source, at, sub, small) => {
    const from = at + 32 * (sub >> 2) + 16 * (sub & 1);
    const shift = 4 * ((sub >> 1) & 1);
    for (let h = 0; h < 16; h++) small[h] = ((source[from + h]! >> shift) & 0x0f0f) | (pairAt(source, at + 64, sub, h) << 4);
  });
}

interface SuperblockLayout {
  bits: 2 | 3 | 4 | 5 | 6;
  blockHalves: number;
  /** Ranges [start, end) that are not quants. */
  scales: readonly (readonly [start: number, end: number])[];
}

/**
 * Writes the quants of sub-block `sub` of the superblock that begins at `at`, one to a byte: 2h and 2h + 1 to small[h]. A
 * whole sub-block at a time, as calls through a variable are not made inline.
 */
type UnpackSub = (source: Uint16Array, at: number, sub: number, small: Uint16Array) => void;

function splitAll(work: SplitWork, { bits, blockHalves, scales }: SuperblockLayout, unpack: UnpackSub): void {
  const small = new Uint16Array(16);
  let to = 0;
  for (let at = 0; at < work.source.length; at += blockHalves) {
    for (const [start, end] of scales) for (let i = start; i < end; i++) work.scales[to++] = work.source[at + i]!;
    for (let sub = 0; sub < 8; sub++) {
      unpack(work.source, at, sub, small);
      packSmall(bits, small, work.quants, (8 * (at / blockHalves) + sub) * 2 * bits);
    }
  }
}

/** Of nibbles in which 32 bytes hold 64 values, the first half of them in the low ones. */
function nibbleAt(source: Uint16Array, at: number, sub: number, h: number): number {
  return (source[at + 16 * (sub >> 1) + h]! >> (4 * (sub & 1))) & 0x0f0f;
}

/** Of pairs of bits in which 32 bytes hold 128 values. */
function pairAt(source: Uint16Array, at: number, sub: number, h: number): number {
  return (source[at + 16 * (sub >> 2) + h]! >> (2 * (sub & 3))) & 0x0303;
}
