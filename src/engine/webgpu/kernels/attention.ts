import type { ModelSpec } from '../../../shared/model/model-spec.ts';
import type { KernelSource } from '../kernel.ts';
import { unroll } from './lanes.ts';
import { cacheWords, scaleWords, UNPACK_PAIR } from './scaled-pairs.ts';

/** What attention needs of a model, and how far apart the rows of its score buffer are. */
export interface AttentionShape extends Pick<ModelSpec, 'nHeads' | 'nKvHeads' | 'headDim' | 'ropeDim'> {
  contextLength: number;
}

/** One run of rows of a sequence, as the dynamic uniform holds it: first row, rows, position of the first, unused. */
export const RUN_WORDS = 4;
export const SCORE_THREADS = 8;
/** Positions that one thread scores. */
export const SCORE_POSITIONS = 4;
export const MIX_THREADS = 8;

/** Words of a head that one thread of the mixing kernel sums. */
export function mixWords(headDim: number): number {
  const words = headDim / 2;
  return [4, 2].find((count) => words % count === 0) ?? 1;
}

export const RUN = 'struct Run { firstRow: u32, rows: u32, position: u32 }';

/** The score of a query and a key whose products `sum` adds, in two halves. */
export function scoreOf(headDim: number, sum: string, keyScale: string): string {
  return `((${sum}.x + ${sum}.y) * ${(1 / Math.sqrt(headDim)).toExponential()}) * ${keyScale}`;
}

/**
 * scores[row, head, position] = query . key / sqrt(headDim), for positions up to the row's own.
 * Grid: (positions / SCORE_POSITIONS / SCORE_THREADS, heads, rows of the run).
 */
export function scoreKernel(shape: AttentionShape): KernelSource {
  const { nHeads, nKvHeads, headDim, contextLength } = shape;
  const half = headDim / 2;
  const each = (text: (index: number) => string) => unroll(SCORE_POSITIONS, text);
  const wgsl = `
${RUN}
@group(0) @binding(0) var<storage, read> qkv: array<vec2f>;
@group(0) @binding(1) var<storage, read> cache: array<u32>;
@group(0) @binding(2) var<storage, read_write> scores: array<f32>;      // (rows of the run, heads, contextLength)
@group(0) @binding(3) var<uniform> run: Run;
${UNPACK_PAIR}
@compute @workgroup_size(${SCORE_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let last = run.position + id.z;
  let first = id.x * ${SCORE_POSITIONS}u;
  if (first > last) { return; }
  let query = (run.firstRow + id.z) * ${(nHeads + 2 * nKvHeads) * half}u + id.y * ${half}u;
  let head = id.y / ${nHeads / nKvHeads}u;
  ${each((i) => `let at${i} = min(first + ${i}u, last) * ${cacheWords(shape)}u; let key${i} = at${i} + head * ${half}u;`)}
  ${each((i) => `let scale${i} = bitcast<f32>(cache[at${i} + ${scaleWords(shape)}u + head]); var sum${i} = vec2f(0);`)}
  for (var word = 0u; word < ${half}u; word++) {
    let q = qkv[query + word];
    ${each((i) => `sum${i} = fma(q, unpackPair(cache[key${i} + word]), sum${i});`)}
  }
  let to = (id.z * ${nHeads}u + id.y) * ${contextLength}u + first;
  ${each((i) => `if (first + ${i}u <= last) { scores[to + ${i}u] = ${scoreOf(headDim, `sum${i}`, `scale${i}`)}; }`)}
}`;
  return { label: 'score', wgsl, bindings: ['read', 'read', 'write', 'run'] };
}

/**
 * Softmax over spans of SPAN positions from 0 on, one after the other: of each span the largest score, which has no order, then
 * sums over its positions in theirs. `joinSpan` adds a span to those before it, both scaled to the larger of their largest
 * scores (online softmax, Milakov and Gimelshein 2018; Dao et al. 2022). Every form of attention takes these steps.
 */
export const SPAN = 32;

/** What the sums are before the first span. `words` is how many words of a value are summed. */
export function openSums(words: number): string {
  return `var largest = -3.4028234e38; var total = 0.0; ${unroll(words, (i) => `var sum${i} = vec2f(0);`)}`;
}

/** Adds a span whose largest score, total weight and sums are given as expressions. */
export function joinSpan(words: number, spanLargest: string, spanTotal: string, spanSum: (word: number) => string): string {
  return `
    let next = max(largest, ${spanLargest});
    let keep = exp(largest - next);
    let gain = exp(${spanLargest} - next);
    total = fma(total, keep, ${spanTotal} * gain);
    ${unroll(words, (i) => `sum${i} = fma(sum${i}, vec2f(keep), ${spanSum(i)} * gain);`)}
    largest = next;`;
}

/** output = softmax(scores) . values. Grid: (heads * headDim / 2 / mixWords / MIX_THREADS, rows of the run). */
export function mixKernel(shape: AttentionShape): KernelSource {
  const { nHeads, nKvHeads, headDim, contextLength } = shape;
  const words = mixWords(headDim);
  const parts = headDim / 2 / words;
  const each = (text: (index: number) => string) => unroll(words, text);
  const wgsl = `
${RUN}
@group(0) @binding(0) var<storage, read> cache: array<u32>;
@group(0) @binding(1) var<storage, read> scores: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec2f>;    // (tokens, heads, headDim / 2)
@group(0) @binding(3) var<uniform> run: Run;
${UNPACK_PAIR}
@compute @workgroup_size(${MIX_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= ${nHeads * parts}u) { return; }
  let head = id.x / ${parts}u;
  let within = (id.x % ${parts}u) * ${words}u;
  let positions = run.position + id.y + 1u;
  let origin = (id.y * ${nHeads}u + head) * ${contextLength}u;
  let vector = ${nKvHeads}u + head / ${nHeads / nKvHeads}u;
  let value = vector * ${headDim / 2}u + within;
  ${openSums(words)}
  for (var start = 0u; start < positions; start += ${SPAN}u) {
    let end = min(start + ${SPAN}u, positions);
    var spanLargest = scores[origin + start];
    for (var position = start + 1u; position < end; position++) { spanLargest = max(spanLargest, scores[origin + position]); }
    var spanTotal = 0.0;
    ${each((i) => `var spanSum${i} = vec2f(0);`)}
    for (var position = start; position < end; position++) {
      let weight = exp(scores[origin + position] - spanLargest);
      spanTotal += weight;
      let at = position * ${cacheWords(shape)}u;
      let scaled = weight * bitcast<f32>(cache[at + ${scaleWords(shape)}u + vector]);
      ${each((i) => `spanSum${i} = fma(vec2f(scaled), unpackPair(cache[at + value + ${i}u]), spanSum${i});`)}
    }
    ${joinSpan(words, 'spanLargest', 'spanTotal', (i) => `spanSum${i}`)}
  }
  let to = (run.firstRow + id.y) * ${(nHeads * headDim) / 2}u + head * ${headDim / 2}u + within;
  ${each((i) => `output[to + ${i}u] = sum${i} / total;`)}
}`;
  return { label: 'mix', wgsl, bindings: ['read', 'read', 'write', 'run'] };
}
