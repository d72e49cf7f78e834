import type { KernelSource } from '../kernel.ts';

/**
 * What a reply needs of a row of logits, without moving the row: three kernels leave the partial sums of GROUPS groups of
 * ids and every logit that can be among the HEAD_TOP largest. Group g has the ids g, g + GROUPS, ...
 *
 * The bar is the HEAD_TOP-th largest of the groups' largest logits. At least HEAD_TOP logits reach it, so no smaller one
 * can be among the largest; the few more than HEAD_TOP that do are left to the processor to sort.
 */
export const HEAD_GROUPS = 256;
/** Logits that reach the bar and fit; should more do so, the processor sorts the whole row. */
export const HEAD_CANDIDATES = 512;
/** Words of a row's result: groups of (largest, sum, scaled sum, unused), then bar and count, then (id, logit) pairs. */
export const GROUP_WORDS = 4 * HEAD_GROUPS;
export const BAR_WORDS = 2;
export const CANDIDATE_WORDS = 2 * HEAD_CANDIDATES;

const THREADS = 16;
const LOWEST = '-3.4028234e38';

/** Largest logit and sums of exponentials of each group. Grid: (groupsGrid, rows). @param rows a multiple of four */
export function groupKernel(vocabSize: number, rows: number): KernelSource {
  const wgsl = `
struct Options { invTemperatures: array<vec4f, ${rows / 4}> }           // one for each row
@group(0) @binding(0) var<storage, read> logits: array<f32>;            // (rows, vocabSize)
@group(0) @binding(1) var<storage, read_write> groups: array<vec4f>;    // (rows, groups)
@group(0) @binding(2) var<storage, read_write> bars: array<vec2u>;      // (rows): bits of the bar, count
@group(0) @binding(3) var<uniform> options: Options;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let origin = id.y * ${vocabSize}u;
  let invTemperature = options.invTemperatures[id.y / 4u][id.y % 4u];
  var largest = f32(${LOWEST});
  for (var i = id.x; i < ${vocabSize}u; i += ${HEAD_GROUPS}u) { largest = max(largest, logits[origin + i]); }
  var sum = 0.0;
  var scaledSum = 0.0;
  for (var i = id.x; i < ${vocabSize}u; i += ${HEAD_GROUPS}u) {
    let below = logits[origin + i] - largest;
    sum += exp(below);
    scaledSum += exp(below * invTemperature);
  }
  groups[id.y * ${HEAD_GROUPS}u + id.x] = vec4f(largest, sum, scaledSum, 0.0);
  if (id.x == 0u) { bars[id.y] = vec2u(bitcast<u32>(f32(${LOWEST})), 0u); }
}`;
  return { label: 'head groups', wgsl, bindings: ['read', 'write', 'write', 'uniform'] };
}

/** The group whose largest logit has exactly `top - 1` before it sets the bar. Grid: (groupsGrid, rows). */
export function barKernel(top: number): KernelSource {
  const wgsl = `
@group(0) @binding(0) var<storage, read> groups: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> bars: array<vec2u>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let origin = id.y * ${HEAD_GROUPS}u;
  let mine = groups[origin + id.x].x;
  var before = 0u;
  for (var i = 0u; i < ${HEAD_GROUPS}u; i++) {
    let other = groups[origin + i].x;
    before += select(0u, 1u, other > mine || (other == mine && i < id.x));
  }
  if (before == ${top - 1}u) { bars[id.y].x = bitcast<u32>(mine); }
}`;
  return { label: 'head bar', wgsl, bindings: ['read', 'write'] };
}

/** Gathers what reaches the bar, in any order. Grid: (pickGrid, rows). */
export function pickKernel(vocabSize: number): KernelSource {
  const wgsl = `
struct Bar { bar: u32, count: atomic<u32> }
@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> bars: array<Bar>;
@group(0) @binding(2) var<storage, read_write> candidates: array<vec2u>;  // (rows, candidates): id, logit bits
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let bar = bitcast<f32>(bars[id.y].bar);
  for (var i = id.x; i < ${vocabSize}u; i += ${HEAD_GROUPS}u) {
    let logit = logits[id.y * ${vocabSize}u + i];
    if (logit >= bar) {
      let slot = atomicAdd(&bars[id.y].count, 1u);
      if (slot < ${HEAD_CANDIDATES}u) { candidates[id.y * ${HEAD_CANDIDATES}u + slot] = vec2u(i, bitcast<u32>(logit)); }
    }
  }
}`;
  return { label: 'head pick', wgsl, bindings: ['read', 'write', 'write'] };
}

/** Workgroups along x of all three kernels. */
export const HEAD_GRID_X = HEAD_GROUPS / THREADS;
