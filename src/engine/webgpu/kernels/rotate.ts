import type { KernelSource } from '../kernel.ts';
import type { KernelVariant } from '../variants.ts';
import { type AttentionShape, RUN } from './attention.ts';
import { unroll } from './lanes.ts';
import { cacheWords, PACK_PAIR, scaleWords } from './scaled-pairs.ts';

const SERIAL_THREADS = 4;
const MAX_THREADS = 64;

type Form = KernelVariant['rows'];

/** Workgroups that a row takes. */
export function rotateGroups(shape: Pick<AttentionShape, 'nHeads' | 'nKvHeads'>, form: Form): number {
  return form === 'cooperative' ? vectorsOf(shape) : Math.ceil(vectorsOf(shape) / SERIAL_THREADS);
}

function vectorsOf({ nHeads, nKvHeads }: Pick<AttentionShape, 'nHeads' | 'nKvHeads'>): number {
  return nHeads + 2 * nKvHeads;
}

/**
 * Turns queries and keys by their positions (RoPE, Su et al. 2021) on interleaved pairs (2i, 2i + 1), as GGUF's llama
 * order has them, and writes keys and values to the cache in 16 bits, each head's vector by its own largest magnitude. The
 * angles come from the processor: sine and cosine of large numbers are poor on many adapters. A thread takes a vector, or a
 * workgroup does: a maximum has no order. Grid: (`rotateGroups`, rows of the run).
 */
export function rotateKernel(shape: AttentionShape, form: Form): KernelSource {
  const { nHeads, nKvHeads, headDim, ropeDim } = shape;
  const half = headDim / 2;
  const wgsl = `
${RUN}
@group(0) @binding(0) var<storage, read_write> qkv: array<vec2f>;       // (tokens, heads of q, k, v; headDim / 2)
@group(0) @binding(1) var<storage, read> angles: array<vec2f>;          // (tokens, ropeDim / 2) of cosine, sine
@group(0) @binding(2) var<storage, read_write> cache: array<u32>;       // (positions, ${cacheWords(shape)})
@group(0) @binding(3) var<uniform> run: Run;
${PACK_PAIR}
fn turned(row: u32, vector: u32, pair: u32) -> vec2f {
  let value = qkv[(row * ${vectorsOf(shape)}u + vector) * ${half}u + pair];
  if (vector >= ${nHeads + nKvHeads}u || pair >= ${ropeDim / 2}u) { return value; }
  let angle = angles[row * ${ropeDim / 2}u + pair];
  return vec2f(fma(value.x, angle.x, -(value.y * angle.y)), fma(value.x, angle.y, value.y * angle.x));
}
${form === 'cooperative' ? cooperativeMain(shape) : serialMain(shape)}`;
  return { label: `rotate ${form}`, wgsl, bindings: ['write', 'read', 'write', 'run'] };
}

/** Turned keys wait in qkv for their scale: nobody reads them there. */
function serialMain(shape: AttentionShape): string {
  const half = shape.headDim / 2;
  return `
@compute @workgroup_size(${SERIAL_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let vector = id.x;
  if (vector >= ${vectorsOf(shape)}u) { return; }
  let row = run.firstRow + id.y;
  let origin = (row * ${vectorsOf(shape)}u + vector) * ${half}u;
  var largest = 0u;
  for (var pair = 0u; pair < ${half}u; pair++) {
    let value = turned(row, vector, pair);
    qkv[origin + pair] = value;
    largest = max(largest, magnitude(value));
  }
  if (vector < ${shape.nHeads}u) { return; }
  ${keepScale(shape, 'id.y')}
  for (var pair = 0u; pair < ${half}u; pair++) { cache[to + pair] = packPair(qkv[origin + pair], steps); }
}`;
}

function cooperativeMain(shape: AttentionShape): string {
  const half = shape.headDim / 2;
  const threads = Math.min(half, MAX_THREADS);
  const each = (text: (index: number, pair: string) => string) =>
    unroll(Math.ceil(half / threads), (i) => text(i, `(thread + ${i * threads}u)`));
  const ifPair = (pair: string, text: string) => (half % threads === 0 ? text : `if (${pair} < ${half}u) { ${text} }`);
  return `
var<workgroup> groupLargest: atomic<u32>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let vector = group.x;
  let row = run.firstRow + group.y;
  ${each((i, pair) => `var value${i} = vec2f(0); ${ifPair(pair, `value${i} = turned(row, vector, ${pair});`)}`)}
  if (vector < ${shape.nHeads}u) {
    let origin = (row * ${vectorsOf(shape)}u + vector) * ${half}u;
    ${each((i, pair) => ifPair(pair, `qkv[origin + ${pair}] = value${i};`))}
    return;
  }
  ${each((i) => `atomicMax(&groupLargest, magnitude(value${i}));`)}
  workgroupBarrier();
  let largest = atomicLoad(&groupLargest);
  ${keepScale(shape, 'group.y', 'thread == 0u')}
  ${each((i, pair) => ifPair(pair, `cache[to + ${pair}] = packPair(value${i}, steps);`))}
}`;
}

/** From the `largest` magnitude of a `vector` that is kept: where it goes `to`, and the `steps` of its scale. */
function keepScale(shape: AttentionShape, row: string, condition?: string): string {
  const half = shape.headDim / 2;
  const write = `cache[position + ${scaleWords(shape)}u + kept] = bitcast<u32>(scale);`;
  return `
  let kept = vector - ${shape.nHeads}u;
  let position = (run.position + ${row}) * ${cacheWords(shape)}u;
  let to = position + kept * ${half}u;
  let scale = scaleOf(largest);
  let steps = stepsOf(scale);
  ${condition ? `if (${condition}) { ${write} }` : write}`;
}
