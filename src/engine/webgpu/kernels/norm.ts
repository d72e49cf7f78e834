import type { KernelSource } from '../kernel.ts';
import { DOT4, LANES, laneSums } from './lanes.ts';

/** Groups of four values that one thread writes. Each thread of a row sums the whole row: cheaper than waiting for another. */
export const NORM_QUADS = 16;
/** As many as share a SIMD register on a processor: they read the same row at the price of one. */
export const NORM_THREADS = 4;

/**
 * RMSNorm: output = input / sqrt(mean(input^2) + eps) * gain (Zhang and Sennrich 2019).
 * Grid: (dim / 4 / NORM_QUADS / NORM_THREADS, tokens).
 */
export function normKernel(dim: number, rmsEps: number): KernelSource {
  const quads = dim / 4;
  const wgsl = `
@group(0) @binding(0) var<storage, read> gain: array<vec4f>;            // (dim)
@group(0) @binding(1) var<storage, read> input: array<vec4f>;           // (tokens, dim)
@group(0) @binding(2) var<storage, read_write> output: array<vec4f>;    // (tokens, dim)
${DOT4}
@compute @workgroup_size(${NORM_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let origin = id.y * ${quads}u;
  ${laneSums(
    [{ name: 'squares', type: 'f32' }],
    `${LANES}u`,
    `for (var quad = lane; quad < ${quads}u; quad += ${LANES}u) {
      let value = input[origin + quad];
      squares = dot4(value, value, squares);
    }`,
  )}
  let factor = 1.0 / sqrt(squares_all / ${dim}.0 + ${rmsEps.toExponential()});
  let end = min((id.x + 1u) * ${NORM_QUADS}u, ${quads}u);
  for (var quad = id.x * ${NORM_QUADS}u; quad < end; quad++) {
    output[origin + quad] = (input[origin + quad] * factor) * gain[quad];
  }
}`;
  return { label: 'norm', wgsl, bindings: ['read', 'read', 'write'] };
}
