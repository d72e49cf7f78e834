import type { QuantType } from '../../../gguf/quant.ts';
import { K_SCALES, SCALE_HELPERS } from './format-scales.ts';

/**
 * How a kernel reads one weight format. A matrix is an array of `element`s, `elements` to a block, and, for a format with
 * scales, an array of 16-bit words with what the scales are made of. Values are in row order.
 *
 * A block is what shares a place in the lanes: 32 values, of the K formats an eighth of a superblock; or 4 plain floats.
 * Small integers become floats where they stand in their word, by a mask and no shift for each, and are too large by a
 * power of two until their block's sum is multiplied by `unit`: exact, and adapters on the processor shift one number at a
 * time. They are centred around zero, which keeps what a minimum adds small.
 */
export interface WeightFormat {
  type: QuantType;
  element: 'u32' | 'vec2u' | 'vec4u';
  /** Elements to a block. */
  elements: number;
  /** Groups of four values ("quads") to a block. */
  quads: number;
  /** Factor by which the four components of a quad are to be multiplied beside the scale; null for a format without scales. */
  unit: string | null;
  /** WGSL of quad `quad` of a block; `element(i)` is the name of its element i. */
  quad(quad: number, element: (index: number) => string): string;
  /** What `scalesOf(block)` of the helpers gives: first all scales, of equal parts of the block, then as many minima, if any. */
  scales: Scales;
  /** WGSL functions that the expressions above use, and `scalesOf`. They may use `scales`, the array of 16-bit words. */
  helpers: string;
}

export interface Scales {
  parts: 1 | 2;
  /** Whether each part adds a minimum to its values. */
  minima: boolean;
}

const COMPONENTS = ['x', 'y', 'z', 'w'] as const;
const ONE_SCALE: Scales = { parts: 1, minima: false };
const WITH_MINIMUM: Scales = { parts: 1, minima: true };
const BYTE_UNIT = 'vec4f(0x1p0, 0x1p-8, 0x1p-16, 0x1p-24)';

/** Formats whose values are floats. */
function plain(type: QuantType, element: 'vec2u' | 'vec4u', wgsl: (e: string) => string): WeightFormat {
  return { type, element, elements: 1, quads: 1, unit: null, quad: (_, e) => wgsl(e(0)), scales: ONE_SCALE, helpers: '' };
}

const F32 = plain('F32', 'vec4u', (e) => `bitcast<vec4f>(${e})`);
const F16 = plain('F16', 'vec2u', (e) => `vec4f(unpack2x16float(${e}.x), unpack2x16float(${e}.y))`);
const BF16 = plain(
  'BF16',
  'vec2u',
  (e) => `bitcast<vec4f>(vec4u(${e}.x * 65536u, ${e}.x & 0xffff0000u, ${e}.y * 65536u, ${e}.y & 0xffff0000u))`,
);

/** All bytes of a word but the topmost arrive with 128 added, which makes masks suffice (split-blocks.ts). */
const Q8_0: WeightFormat = {
  type: 'Q8_0',
  element: 'vec4u',
  elements: 2,
  quads: 8,
  quad: (quad, e) => `signedBytes(${e(quad >> 2)}.${COMPONENTS[quad & 3]})`,
  unit: BYTE_UNIT,
  scales: ONE_SCALE,
  helpers: `
fn signedBytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) & vec4u(0xffu, 0xff00u, 0xff0000u, 0xff000000u)) - vec4i(0x80, 0x8000, 0x800000, 0));
}
fn scalesOf(block: u32) -> f32 { return evenHalf(block); }`,
};

/** Low nibbles are the first half of a block, high nibbles the second; 8 is the middle. */
function fourBits(type: QuantType, scales: Scales, scalesOf: string): WeightFormat {
  return {
    type,
    element: 'vec4u',
    elements: 1,
    quads: 8,
    quad: (quad, e) => `highNibbles(${e(0)}.${COMPONENTS[quad & 3]}${quad < 4 ? ' * 16u' : ''})`,
    unit: 'vec4f(0x1p-4, 0x1p-12, 0x1p-20, 0x1p-28)',
    scales,
    helpers: `
fn highNibbles(word: u32) -> vec4f {
  let wrapped = (vec4u(word) & vec4u(0xf0u, 0xf000u, 0xf00000u, 0xf0000000u)) - vec4u(0x80u, 0x8000u, 0x800000u, 0x80000000u);
  return vec4f(bitcast<vec4i>(wrapped));
}
${scalesOf}`,
  };
}

/**
 * Quants whose bits lie in planes (split-blocks.ts): words of nibbles, then words of pairs of bits, then a word of single
 * bits. A quad's bits are brought together in one word, a byte each, and are positive there; half their range is the middle.
 */
function planes(type: QuantType, bits: 2 | 3 | 5 | 6, scales: Scales, scalesOf: string): WeightFormat {
  const nibbleWords = bits >= 5 ? 4 : 0;
  const pairWords = bits === 2 || bits === 3 || bits === 6 ? 2 : 0;
  const elements = nibbleWords + pairWords + (bits % 2);
  const quad = (k: number, e: (index: number) => string) => {
    const parts: string[] = [];
    if (nibbleWords > 0) parts.push(masked(e(k & 3), 4 * (k >> 2), 0x0f0f0f0f, 0));
    if (pairWords > 0) parts.push(masked(e(nibbleWords + (k >> 2)), 2 * (k & 3), 0x03030303, nibbleWords));
    if (bits % 2 === 1) parts.push(masked(e(elements - 1), k, 0x01010101, bits - 1));
    return `centredBytes(${parts.join(' | ')})`;
  };
  const middle = 2 ** (bits - 1);
  const middles = [0, 8, 16, 24].map((shift) => `${middle * 2 ** shift}u`).join(', ');
  const helpers = `
fn centredBytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>((vec4u(word) & vec4u(0xffu, 0xff00u, 0xff0000u, 0xff000000u)) - vec4u(${middles})));
}
${scalesOf}`;
  return { type, element: 'u32', elements, quads: 8, quad, unit: BYTE_UNIT, scales, helpers };
}

/** The bits of `mask`, from bit `from` of each byte of a word to bit `to`. */
function masked(word: string, from: number, mask: number, to: number): string {
  const low = `((${word} >> ${from}u) & 0x${mask.toString(16)}u)`;
  return to > 0 ? `(${low} << ${to}u)` : low;
}

/** d in the lower half of a word, the minimum in the upper: value = d * q + m = d * (q - middle) + (m + middle * d). */
const pairScales = (middle: number) => `
fn scalesOf(block: u32) -> vec2f {
  let word = scales[block];
  let d = halfOf(word & 0xffffu);
  return vec2f(d, fma(${middle}.0, d, halfOf(word >> 16u)));
}`;
const ONE_HALF = 'fn scalesOf(block: u32) -> f32 { return evenHalf(block); }';

/** Adding a format adds an entry here, its scales, and how its blocks are split for the device. */
export const WEIGHT_FORMATS: Record<QuantType, WeightFormat> = {
  F32,
  F16,
  BF16,
  Q8_0,
  Q4_0: fourBits('Q4_0', ONE_SCALE, ONE_HALF),
  Q4_1: fourBits('Q4_1', WITH_MINIMUM, pairScales(8)),
  Q5_0: planes('Q5_0', 5, ONE_SCALE, ONE_HALF),
  Q5_1: planes('Q5_1', 5, WITH_MINIMUM, pairScales(16)),
  Q2_K: planes('Q2_K', 2, { parts: 2, minima: true }, K_SCALES.Q2_K),
  Q3_K: planes('Q3_K', 3, { parts: 2, minima: false }, K_SCALES.Q3_K),
  Q4_K: fourBits('Q4_K', WITH_MINIMUM, K_SCALES.Q4_K),
  Q5_K: planes('Q5_K', 5, WITH_MINIMUM, K_SCALES.Q5_K),
  Q6_K: planes('Q6_K', 6, { parts: 2, minima: false }, K_SCALES.Q6_K),
};

/** Blocks to a row of `columns` values. */
export function blocksPerRow({ quads }: WeightFormat, columns: number): number {
  return columns / (4 * quads);
}

/** Declarations that a kernel with `scales` and `weights` bound needs for a format. */
export function formatHelpers({ unit, helpers }: WeightFormat): string {
  return unit ? SCALE_HELPERS + helpers : helpers;
}
