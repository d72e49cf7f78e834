import { floatToHalf } from '../shared/model/float16.ts';
import { BLOCK_FORMATS, type QuantType } from './quant.ts';

export interface RandomBlocks {
  /** Values are about as large as this. */
  magnitude: number;
  /** Keeps float formats positive, as the weights of norms are. */
  positive?: boolean;
  seed: number;
  /** Number of the first block in its tensor, even, so that any part of a tensor can be made without the rest. */
  firstBlock?: number;
}

/** Where a block keeps its half-precision scale, and how far the values spread around zero when the scale is 1. */
interface ScalePlace {
  at: number;
  /** Root mean square of the values that random quants make of scale 1. */
  spread: number;
  /** The half-precision minimum beside it, as a multiple of the scale that puts the mean at zero. */
  least?: { at: number; ratio: number };
}

const SCALE_PLACES: Partial<Record<QuantType, ScalePlace>> = {
  Q8_0: { at: 0, spread: 73.9 },
  Q4_0: { at: 0, spread: 4.64 },
  Q4_1: { at: 0, spread: 4.61, least: { at: 2, ratio: -7.5 } },
  Q5_0: { at: 0, spread: 9.25 },
  Q5_1: { at: 0, spread: 9.23, least: { at: 2, ratio: -15.5 } },
  Q2_K: { at: 80, spread: 13.9, least: { at: 82, ratio: 1.5 } },
  Q3_K: { at: 108, spread: 43.3 },
  Q4_K: { at: 0, spread: 258, least: { at: 2, ratio: 7.5 } },
  Q5_K: { at: 0, spread: 527, least: { at: 2, ratio: 15.5 } },
  Q6_K: { at: 208, spread: 1366 },
};

/** Valid blocks that nobody trained. The same seed gives the same bytes. */
export function randomBlocks(type: QuantType, blocks: number, options: RandomBlocks): Uint8Array {
  const { magnitude, positive = false, seed, firstBlock = 0 } = options;
  const { blockBytes } = BLOCK_FORMATS[type];
  const words = new Uint32Array(Math.ceil((blocks * blockBytes) / 4));
  fillRandom(words, seed, (firstBlock * blockBytes) / 4);
  const bytes = new Uint8Array(words.buffer, 0, blocks * blockBytes);
  const place = SCALE_PLACES[type];
  if (place) setScales(bytes, blockBytes, place, magnitude / place.spread);
  else setExponents(type, words, Math.floor(Math.log2(magnitude)), positive);
  return bytes;
}

/** A Weyl sequence through the finalizer of MurmurHash3: a few operations a word, and any seed is as good as another. */
function fillRandom(words: Uint32Array, seed: number, firstWord: number): void {
  let state = (seed + Math.imul(firstWord, 0x9e3779b9)) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    words[i] = mixed ^ (mixed >>> 16);
  }
}

/** Gives floats the exponent of their magnitude. Formats of 16 bits have two values to a word. */
function setExponents(type: QuantType, words: Uint32Array, exponent: number, positive: boolean): void {
  const sign = positive ? 0 : 0x8000;
  if (type === 'F32') setBits(words, (sign << 16) | 0x007fffff, (exponent + 127) << 23);
  else if (type === 'F16') setBits(words, (sign | 0x03ff) * 0x10001, ((exponent + 15) << 10) * 0x10001);
  else setBits(words, (sign | 0x007f) * 0x10001, ((exponent + 127) << 7) * 0x10001);
}

function setBits(words: Uint32Array, keepMask: number, exponentBits: number): void {
  for (let i = 0; i < words.length; i++) words[i] = (words[i]! & keepMask) | exponentBits;
}

function setScales(bytes: Uint8Array, blockBytes: number, { at, least }: ScalePlace, scale: number): void {
  const scaleBits = floatToHalf(scale);
  const leastBits = floatToHalf(scale * (least?.ratio ?? 0));
  for (let block = 0; block < bytes.length; block += blockBytes) {
    setHalf(bytes, block + at, scaleBits);
    if (least) setHalf(bytes, block + least.at, leastBits);
  }
}

/** Leaves the low bits of each scale random, so that no two blocks need share one. */
function setHalf(bytes: Uint8Array, at: number, bits: number): void {
  bytes[at] = (bits & 0x80) | (bytes[at]! & 0x7f);
  bytes[at + 1] = bits >> 8;
}
