import { BLOCK_FORMATS, type QuantType } from '../../gguf/quant.ts';

/**
 * A matrix on the device keeps the bits of the file in another order: all quants, then all scales. Blocks of 34 and 18
 * bytes start at odd places, and a device reads only whole 32-bit words; apart, quants are aligned to 16 bytes and two
 * scales share a word. Bytes of Q8_0 that are not the topmost of their word have 128 added, so that a kernel gets at them
 * with a mask alone. Nothing is rounded and nothing grows.
 */
export interface SplitBlocks {
  quants: Uint8Array;
  /** One half-precision number a block. */
  scales: Uint16Array;
}

const SCALE_BYTES = 2;
/** Changes the sign bits of the first three bytes of a word, as two half words. */
const Q8_SIGNS = [0x8080, 0x0080] as const;

export function isScaled(type: QuantType): boolean {
  return BLOCK_FORMATS[type].blockValues > 1;
}

/** Bytes of quants, or of plain floats, in `count` values of a row. */
export function quantBytes(type: QuantType, count: number): number {
  const { blockValues, blockBytes } = BLOCK_FORMATS[type];
  return (count / blockValues) * (isScaled(type) ? blockBytes - SCALE_BYTES : blockBytes);
}

/** Scales in `count` values. */
export function scaleCount(type: QuantType, count: number): number {
  return isScaled(type) ? count / BLOCK_FORMATS[type].blockValues : 0;
}

/** Splits whole blocks of a scaled format. `bytes` holds nothing else. */
export function splitBlocks(type: QuantType, bytes: Uint8Array): SplitBlocks {
  const blockWords = BLOCK_FORMATS[type].blockBytes / 2;
  const source = asHalfWords(bytes);
  const blocks = source.length / blockWords;
  const scales = new Uint16Array(blocks);
  const quants = new Uint16Array(source.length - blocks);
  const [low, high] = type === 'Q8_0' ? Q8_SIGNS : [0, 0];
  let from = 0;
  let to = 0;
  for (let block = 0; block < blocks; block++) {
    scales[block] = source[from++]!;
    for (let i = 1; i < blockWords; i += 2) {
      quants[to++] = source[from++]! ^ low;
      quants[to++] = source[from++]! ^ high;
    }
  }
  return { quants: new Uint8Array(quants.buffer), scales };
}

/** A tensor may begin at an odd place of the buffer that it came in. */
function asHalfWords(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}
