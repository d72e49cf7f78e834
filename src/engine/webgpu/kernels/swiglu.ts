import type { KernelSource } from '../kernel.ts';

export const SWIGLU_THREADS = 32;

/**
 * output = silu(gate) * up (Shazeer 2020), where gate and up are the two halves of an input row.
 * Grid: (ffnDim / 4 / SWIGLU_THREADS, tokens).
 */
export function swigluKernel(ffnDim: number): KernelSource {
  const quads = ffnDim / 4;
  // exp(80) is finite and makes silu as good as zero; beyond that exp would overflow.
  const wgsl = `
@group(0) @binding(0) var<storage, read> gateUp: array<vec4f>;          // (tokens, 2 * ffnDim)
@group(0) @binding(1) var<storage, read_write> output: array<vec4f>;    // (tokens, ffnDim)
@compute @workgroup_size(${SWIGLU_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${quads}u) { return; }
  let at = id.y * ${2 * quads}u + id.x;
  let gate = gateUp[at];
  let silu = gate / (vec4f(1) + exp(-max(gate, vec4f(-80))));
  output[id.y * ${quads}u + id.x] = silu * gateUp[at + ${quads}u];
}`;
  return { label: 'swiglu', wgsl, bindings: ['read', 'write'] };
}
