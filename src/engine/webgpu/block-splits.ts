import type { QuantType } from '../../gguf/quant.ts';
import { q2K, q3K, q4K, q5K, q6K } from './block-splits-k.ts';
import { packSmall, type SplitWork } from './small-quants.ts';

interface BlockSplit {
  /** 16-bit words of a block that are not quants. */
  scaleHalves: number;
  split(work: SplitWork): void;
}

/** How the blocks of each scaled format are taken apart. */
export const BLOCK_SPLITS: Partial<Record<QuantType, BlockSplit>> = {
  Q8_0: { scaleHalves: 1, split: (work) => copyQuants(work, 1, 17, [0x8080, 0x0080]) },
  Q4_0: { scaleHalves: 1, split: (work) => copyQuants(work, 1, 9, [0, 0]) },
  Q4_1: { scaleHalves: 2, split: (work) => copyQuants(work, 2, 10, [0, 0]) },
  Q5_0: { scaleHalves: 1, split: (work) => fiveBits(work, 1, 11) },
  Q5_1: { scaleHalves: 2, split: (work) => fiveBits(work, 2, 12) },
  Q2_K: { scaleHalves: 10, split: q2K },
  Q3_K: { scaleHalves: 7, split: q3K },
  Q4_K: { scaleHalves: 8, split: q4K },
  Q5_K: { scaleHalves: 8, split: q5K },
  Q6_K: { scaleHalves: 9, split: q6K },
};

/**
 * Quants that kernels read as they are. The two `signs` are applied to the two halves of every word: bytes of Q8_0 that are
 * not the topmost of their word get 128 added, so that a kernel gets at them with a mask alone.
 */
function copyQuants(
  { source, blocks, quants, scales }: SplitWork,
  scaleHalves: number,
  blockHalves: number,
  [low, high]: readonly [number, number],
): void {
  let from = 0;
  let to = 0;
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < scaleHalves; i++) scales[scaleHalves * block + i] = source[from++]!;
    for (let i = scaleHalves; i < blockHalves; i += 2) {
      quants[to++] = source[from++]! ^ low;
      quants[to++] = source[from++]! ^ high;
    }
  }
}

/** Q5_0 and Q5_1: scales, a word of fifth bits in the order of the values, nibbles. */
function fiveBits({ source, blocks, quants, scales }: SplitWork, scaleHalves: number, blockHalves: number): void {
  const small = new Uint16Array(16);
  for (let block = 0; block < blocks; block++) {
    const at = block * blockHalves;
    for (let i = 0; i < scaleHalves; i++) scales[scaleHalves * block + i] = source[at + i]!;
    const fifths = source[at + scaleHalves]! | (source[at + scaleHalves + 1]! << 16);
    for (let h = 0; h < 16; h++) {
      const nibbles = (source[at + scaleHalves + 2 + (h & 7)]! >> (h < 8 ? 0 : 4)) & 0x0f0f;
      const pair = fifths >>> (2 * h);
      small[h] = nibbles | ((pair & 1) << 4) | ((pair & 2) << 11);
    }
    packSmall(5, small, quants, 10 * block);
  }
}
