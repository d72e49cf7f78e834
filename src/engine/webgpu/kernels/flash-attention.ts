import type { KernelSource } from '../kernel.ts';
import { type AttentionShape, joinSpan, openSums, RUN, SPAN, scoreOf } from './attention.ts';
import { unroll } from './lanes.ts';
import { cacheWords, scaleWords, UNPACK_PAIR } from './scaled-pairs.ts';

const THREADS = 256;
/** Spans that a workgroup takes together: a thread scores one position of them. */
const SPANS = THREADS / SPAN;

/**
 * Attention of one head and row in one go, for graphics processors: scores stay in the workgroup's memory. Its threads score
 * a position each, then weigh the values of a span each SPAN of them, neighbours neighbouring words, then join the spans in
 * their order. Scores and sums are those of `scoreKernel` and `mixKernel`, bit for bit. Grid: (heads, rows of the run).
 */
export function flashAttentionKernel(shape: AttentionShape): KernelSource {
  const { nHeads, nKvHeads, headDim } = shape;
  const half = headDim / 2;
  /** Words of a value that a thread sums of a span, and that it joins. */
  const words = Math.ceil(half / SPAN);
  const joined = Math.ceil(half / THREADS);
  const wordOf = (i: number) => `(thread % ${SPAN}u + ${i * SPAN}u)`;
  const ifWord = (i: number, text: string) => (half % SPAN === 0 ? text : `if (${wordOf(i)} < ${half}u) { ${text} }`);
  const wgsl = `
${RUN}
@group(0) @binding(0) var<storage, read> qkv: array<vec2f>;
@group(0) @binding(1) var<storage, read> cache: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec2f>;    // (tokens, heads, headDim / 2)
@group(0) @binding(3) var<uniform> run: Run;
var<workgroup> scores: array<f32, ${THREADS}>;                          // (spans, positions of a span)
var<workgroup> weights: array<vec2f, ${THREADS}>;                       // of a position, alone and times its value's scale
var<workgroup> spanLargest: array<f32, ${SPANS}>;
var<workgroup> spanTotal: array<f32, ${SPANS}>;
var<workgroup> spanSum: array<vec2f, ${SPANS * half}>;                  // (spans, headDim / 2)
${UNPACK_PAIR}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let positions = run.position + group.y + 1u;
  let query = (run.firstRow + group.y) * ${(nHeads + 2 * nKvHeads) * half}u + group.x * ${half}u;
  let head = group.x / ${nHeads / nKvHeads}u;
  let key = head * ${half}u;
  let value = ${nKvHeads * half}u + key;
  let keyScale = ${scaleWords(shape)}u + head;
  let valueScale = keyScale + ${nKvHeads}u;
  let span = thread / ${SPAN}u;
  ${openSums(joined)}
  for (var start = 0u; start < positions; start += ${THREADS}u) {
    let count = min(${THREADS}u, positions - start);
    if (thread < count) {
      let at = (start + thread) * ${cacheWords(shape)}u;
      var product = vec2f(0);
      for (var word = 0u; word < ${half}u; word++) { product = fma(qkv[query + word], unpackPair(cache[at + key + word]), product); }
      let scale = bitcast<f32>(cache[at + keyScale]);
      scores[thread] = ${scoreOf(headDim, 'product', 'scale')};
    }
    workgroupBarrier();
    let first = span * ${SPAN}u;
    let end = min(first + ${SPAN}u, count);
    if (thread < count) {
      var largest = scores[first];
      for (var i = first + 1u; i < end; i++) { largest = max(largest, scores[i]); }
      let weight = exp(scores[thread] - largest);
      let scale = bitcast<f32>(cache[(start + thread) * ${cacheWords(shape)}u + valueScale]);
      weights[thread] = vec2f(weight, weight * scale);
      if (thread == first) { spanLargest[span] = largest; }
    }
    workgroupBarrier();
    if (first < count) {
      var weightSum = 0.0;
      ${unroll(words, (i) => `var part${i} = vec2f(0);`)}
      for (var i = first; i < end; i++) {
        let weight = weights[i];
        weightSum += weight.x;
        let at = (start + i) * ${cacheWords(shape)}u + value;
        ${unroll(words, (i) => ifWord(i, `part${i} = fma(vec2f(weight.y), unpackPair(cache[at + ${wordOf(i)}]), part${i});`))}
      }
      if (thread == first) { spanTotal[span] = weightSum; }
      ${unroll(words, (i) => ifWord(i, `spanSum[span * ${half}u + ${wordOf(i)}] = part${i};`))}
    }
    workgroupBarrier();
    for (var s = 0u; s * ${SPAN}u < count; s++) {
      ${joinSpan(joined, 'spanLargest[s]', 'spanTotal[s]', (i) => `spanSum[s * ${half}u + min(thread + ${i * THREADS}u, ${half - 1}u)]`)}
    }
    workgroupBarrier();
  }
  let to = (run.firstRow + group.y) * ${nHeads * half}u + group.x * ${half}u;
  ${unroll(joined, (i) => `if (thread + ${i * THREADS}u < ${half}u) { output[to + thread + ${i * THREADS}u] = sum${i} / total; }`)}
}`;
  return { label: 'flash attention', wgsl, bindings: ['read', 'read', 'write', 'run'] };
}
