import type { QuantType } from '../../../gguf/quant.ts';

/**
 * How a kernel reads one weight format. A matrix is an array of `element`s, `elements` to a block, and, if `scaled`, an
 * array of 16-bit scales, two to a word, one a block. Values are in row order.
 */
export interface WeightFormat {
  type: QuantType;
  element: 'vec2u' | 'vec4u';
  elementBytes: number;
  /** Elements to a block. */
  elements: number;
  /** Groups of four values ("quads") to a block. */
  quads: number;
  scaled: boolean;
  /** Quads that become complete with element `element` of a block, in the order in which they are added. */
  quadsOf(element: number): { quad: number; wgsl: (element: string) => string }[];
  /** WGSL functions that the expressions above use. */
  helpers: string;
}

const COMPONENTS = ['x', 'y', 'z', 'w'] as const;

const F32: WeightFormat = {
  type: 'F32',
  element: 'vec4u',
  elementBytes: 16,
  elements: 1,
  quads: 1,
  scaled: false,
  quadsOf: () => [{ quad: 0, wgsl: (e) => `bitcast<vec4f>(${e})` }],
  helpers: '',
};

const F16: WeightFormat = {
  type: 'F16',
  element: 'vec2u',
  elementBytes: 8,
  elements: 1,
  quads: 1,
  scaled: false,
  quadsOf: () => [{ quad: 0, wgsl: (e) => `vec4f(unpack2x16float(${e}.x), unpack2x16float(${e}.y))` }],
  helpers: '',
};

const Q8_0: WeightFormat = {
  type: 'Q8_0',
  element: 'vec4u',
  elementBytes: 16,
  elements: 2,
  quads: 8,
  scaled: true,
  quadsOf: (element) => COMPONENTS.map((c, i) => ({ quad: 4 * element + i, wgsl: (e) => `signedBytes(${e}.${c})` })),
  helpers: `
fn signedBytes(word: u32) -> vec4f {
  return vec4f((vec4i(bitcast<i32>(word)) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}`,
};

/** Low nibbles are the first half of a block, high nibbles the second. */
const Q4_0: WeightFormat = {
  type: 'Q4_0',
  element: 'vec4u',
  elementBytes: 16,
  elements: 1,
  quads: 8,
  scaled: true,
  quadsOf: () => [
    ...COMPONENTS.map((c, i) => ({ quad: i, wgsl: (e: string) => `nibbles(${e}.${c})` })),
    ...COMPONENTS.map((c, i) => ({ quad: 4 + i, wgsl: (e: string) => `nibbles(${e}.${c} >> 4u)` })),
  ],
  helpers: `
fn nibbles(word: u32) -> vec4f {
  return vec4f(vec4i((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u)) - vec4i(8));
}`,
};

export const WEIGHT_FORMATS: Record<QuantType, WeightFormat> = { F32, F16, Q8_0, Q4_0 };

/** Values to a block as kernels see it; for floats that is less than what one loop step of a reader would like, but fits any row. */
export function kernelBlockValues(format: WeightFormat): number {
  return 4 * format.quads;
}
