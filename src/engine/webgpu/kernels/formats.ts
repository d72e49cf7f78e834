import type { QuantType } from '../../../gguf/quant.ts';

/**
 * How a kernel reads one weight format. A matrix is an array of `element`s, `elements` to a block, and, for a format with
 * scales, an array of 16-bit scales, two to a word, one a block. Values are in row order.
 *
 * Bytes and nibbles become floats where they stand in their word, by a mask and no shift, and are too large by a power of
 * two until their block's sum is multiplied by `unit`: exact, and adapters on the processor shift one number at a time.
 */
export interface WeightFormat {
  type: QuantType;
  element: 'vec2u' | 'vec4u';
  /** Elements to a block. */
  elements: number;
  /** Groups of four values ("quads") to a block. */
  quads: number;
  /** Factor by which the four components of a quad are to be multiplied beside the scale; null for a format without scales. */
  unit: string | null;
  /** Quads that become complete with element `element` of a block, in the order in which they are added. */
  quadsOf(element: number): { quad: number; wgsl: (element: string) => string }[];
  /** WGSL functions that the expressions above use. */
  helpers: string;
}

const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

const F32: WeightFormat = {
  type: 'F32',
  element: 'vec4u',
  elements: 1,
  quads: 1,
  unit: null,
  quadsOf: () => [{ quad: 0, wgsl: (e) => `bitcast<vec4f>(${e})` }],
  helpers: '',
};

const F16: WeightFormat = {
  type: 'F16',
  element: 'vec2u',
  elements: 1,
  quads: 1,
  unit: null,
  quadsOf: () => [{ quad: 0, wgsl: (e) => `vec4f(unpack2x16float(${e}.x), unpack2x16float(${e}.y))` }],
  helpers: '',
};

/** All bytes of a word but the topmost arrive with 128 added, which makes masks suffice (split-blocks.ts). */
const Q8_0: WeightFormat = {
  type: 'Q8_0',
  element: 'vec4u',
  elements: 2,
  quads: 8,
  quadsOf: (element) => COMPONENTS.map((c, i) => ({ quad: 4 * element + i, wgsl: (e) => `signedBytes(${e}.${c})` })),
  unit: 'vec4f(0x1p0, 0x1p-8, 0x1p-16, 0x1p-24)',
  helpers: `
fn signedBytes(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) & vec4u(0xffu, 0xff00u, 0xff0000u, 0xff000000u)) - vec4i(0x80, 0x8000, 0x800000, 0));
}`,
};

/** Low nibbles are the first half of a block, high nibbles the second. */
const Q4_0: WeightFormat = {
  type: 'Q4_0',
  element: 'vec4u',
  elements: 1,
  quads: 8,
  quadsOf: () => [
    ...COMPONENTS.map((c, i) => ({ quad: i, wgsl: (e: string) => `highNibbles(${e}.${c} * 16u)` })),
    ...COMPONENTS.map((c, i) => ({ quad: 4 + i, wgsl: (e: string) => `highNibbles(${e}.${c})` })),
  ],
  unit: 'vec4f(0x1p-4, 0x1p-12, 0x1p-20, 0x1p-28)',
  helpers: `
fn highNibbles(word: u32) -> vec4f {
  let wrapped = (vec4u(word) & vec4u(0xf0u, 0xf000u, 0xf00000u, 0xf0000000u)) - vec4u(0x80u, 0x8000u, 0x800000u, 0x80000000u);
  return vec4f(bitcast<vec4i>(wrapped));
}`,
};

export const WEIGHT_FORMATS: Record<QuantType, WeightFormat> = { F32, F16, Q8_0, Q4_0 };

/** Blocks to a row of `columns` values. */
export function blocksPerRow({ quads }: WeightFormat, columns: number): number {
  return columns / (4 * quads);
}
