import { BLOCK_FORMATS, type QuantType } from '../../gguf/quant.ts';
import { BLOCK_SPLITS } from './block-splits.ts';

/**
 * A matrix on the device keeps the bits of the file in another order: all quants, then all scales. Blocks of 34 and 18
 * bytes start at odd places, and a device reads only whole 32-bit words; apart, quants are aligned to 16 bytes and two
 * 16-bit words of the scales share one. Nothing is rounded and nothing grows.
 */
export interface SplitBlocks {
  quants: Uint8Array;
  /** Half-precision numbers and, of the K formats, the bytes between them. */
  scales: Uint16Array;
}

export function isScaled(type: QuantType): boolean {
  return BLOCK_SPLITS[type] !== undefined;
}

/** Bytes of quants, or of plain floats, in `count` values of a row. */
export function quantBytes(type: QuantType, count: number): number {
  const { blockValues, blockBytes } = BLOCK_FORMATS[type];
  return (count / blockValues) * (blockBytes - 2 * (BLOCK_SPLITS[type]?.scaleHalves ?? 0));
}

/** 16-bit words of scales in `count` values. */
export function scaleCount(type: QuantType, count: number): number {
  return (count / BLOCK_FORMATS[type].blockValues) * (BLOCK_SPLITS[type]?.scaleHalves ?? 0);
}

/** Used again by every call: copies of all the weights would wait for the garbage collector and count beside the shard. */
let room: Record<'quants' | 'scales', Uint16Array<ArrayBuffer>> = { quants: new Uint16Array(0), scales: new Uint16Array(0) };

function halves(name: keyof typeof room, length: number): Uint16Array<ArrayBuffer> {
  if (room[name].length < length) room = { ...room, [name]: new Uint16Array(length) };
  return room[name].subarray(0, length);
}

/** Splits whole blocks of a scaled format; `bytes` holds nothing else. The result is good until the next call. */
export function splitBlocks(type: QuantType, bytes: Uint8Array): SplitBlocks {
  const { scaleHalves, split } = BLOCK_SPLITS[type]!;
  const blockHalves = BLOCK_FORMATS[type].blockBytes / 2;
  const source = asHalfWords(bytes);
  const blocks = source.length / blockHalves;
  const scales = halves('scales', blocks * scaleHalves);
  const quants = halves('quants', blocks * (blockHalves - scaleHalves));
  split({ source, blocks, quants, scales });
  return { quants: new Uint8Array(quants.buffer, 0, quants.byteLength), scales };
}

/** A tensor may begin at an odd place of the buffer that it came in. */
function asHalfWords(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2);
}
