import type { KernelSource } from '../kernel.ts';
import { DOT4, LANES } from './lanes.ts';

const THREADS = 256;

/**
 * The norms of `normKernel`, a workgroup a row, for graphics processors: all threads bring the row to the workgroup's memory,
 * THREADS groups of four values at a time, eight of them sum a lane each, and all write. Grid: (1, tokens).
 */
export function cooperativeNormKernel(dim: number, rmsEps: number): KernelSource {
  const quads = dim / 4;
  const wgsl = `
@group(0) @binding(0) var<storage, read> gain: array<vec4f>;            // (dim)
@group(0) @binding(1) var<storage, read> input: array<vec4f>;           // (tokens, dim)
@group(0) @binding(2) var<storage, read_write> output: array<vec4f>;    // (tokens, dim)
var<workgroup> staged: array<vec4f, ${THREADS}>;
var<workgroup> lanes: array<f32, ${LANES}>;
${DOT4}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let origin = group.y * ${quads}u;
  var squares = 0.0;
  for (var first = 0u; first < ${quads}u; first += ${THREADS}u) {
    let count = min(${THREADS}u, ${quads}u - first);
    if (thread < count) { staged[thread] = input[origin + first + thread]; }
    workgroupBarrier();
    if (thread < ${LANES}u) {
      for (var i = thread; i < count; i += ${LANES}u) { squares = dot4(staged[i], staged[i], squares); }
    }
    workgroupBarrier();
  }
  if (thread < ${LANES}u) { lanes[thread] = squares; }
  workgroupBarrier();
  let left = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  let right = (lanes[4] + lanes[5]) + (lanes[6] + lanes[7]);
  let factor = 1.0 / sqrt((left + right) / ${dim}.0 + ${rmsEps.toExponential()});
  for (var quad = thread; quad < ${quads}u; quad += ${THREADS}u) {
    output[origin + quad] = (input[origin + quad] * factor) * gain[quad];
  }
}`;
  return { label: 'norm cooperative', wgsl, bindings: ['read', 'read', 'write'] };
}
