import type { KernelSource } from '../kernel.ts';
import type { SerialTile } from '../variants.ts';
import { formatHelpers, type WeightFormat } from './formats.ts';
import { DOT4, LANES, laneSums, unroll } from './lanes.ts';
import { matrixRow, type Outcome, outcomeHelpers, outcomeOf, outcomes } from './product-outcome.ts';

/** A kernel for products, and how much of them a workgroup computes. */
export interface MatmulSource extends KernelSource {
  groupRows: number;
  groupTokens: number;
}

/** What `struct Shape` holds, in words: the uniform that describes a run of matrix rows. */
export const MATRIX_SHAPE_WORDS = 8;

export const DECLARATIONS = (format: WeightFormat, inputElement: 'vec4f' | 'f32' = 'vec4f') => `
struct Shape {
  firstRow: u32,      // in the bound buffers
  rows: u32,          // how many from there; of gated ones, how many pairs
  blocks: u32,        // to a row
  outputStride: u32,  // values from one token to the next
  outputOffset: u32,  // where the first row goes
  accumulate: u32,    // 1: add to what is there
  lanes: u32,         // that have blocks, rounded up
}
@group(0) @binding(0) var<storage, read> weights: array<${format.element}>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;
@group(0) @binding(2) var<storage, read> input: array<${inputElement}>;         // (tokens, blocks * ${format.quads}), in groups of four or one by one
@group(0) @binding(3) var<storage, read_write> output: array<f32>;    // (tokens, outputStride)
@group(0) @binding(4) var<uniform> shape: Shape;
@group(0) @binding(5) var<uniform> tokens: vec4u;                     // .x: how many
${DOT4}
${formatHelpers(format)}
fn store(token: u32, row: u32, value: f32) {
  let at = token * shape.outputStride + shape.outputOffset + row;
  if (shape.accumulate == 1u) { output[at] += value; } else { output[at] = value; }
}`;

export const GROUP_AND_THREAD = `@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32`;
/** Number of a workgroup among those of the same token: rows that are too many for x go on in z. */
export const FOLDED_GROUP = '(group.x + group.z * groups.x)';

/** Threads of a quad, as WGSL calls four neighbours of a subgroup. */
const QUAD = 4;

type TileShape = Pick<SerialTile, 'rows' | 'tokens'> & Partial<Pick<SerialTile, 'reading'>>;

/** WGSL that adds the products of the blocks lane, lane + LANES, ... of each row of a tile to `sum<row>_<token>`. */
export function laneOfTile(format: WeightFormat, tile: TileShape): string {
  return `
    for (var block = lane; block < shape.blocks; block += ${LANES}u) {
      ${unroll(tile.rows, (r) => `let at${r} = row${r} * shape.blocks + block;`)}
      ${blockOfTile(format, tile, (r, e) => `weights[at${r} * ${format.elements}u + ${e}u]`)}
    }`;
}

/**
 * The same for one block: number `block` of its row, `at<row>` of the matrix. The one text that every variant uses;
 * `element` is where it reads the elements of a row's block.
 */
export function blockOfTile(format: WeightFormat, tile: TileShape, element: (row: number, element: number) => string): string {
  const elements = (e: number) => unroll(tile.rows, (r) => `let e${r}_${e} = ${element(r, e)};`);
  const operands = (quad: number) => `
      ${unroll(tile.tokens, (t) => inputQuad(format, tile, t, quad))}
      ${unroll(tile.rows, (r) => `let w${r}_${quad} = ${format.quad(quad, (e) => `e${r}_${e}`)};`)}`;
  return `
      ${unroll(format.elements, elements)}
      ${unroll(format.quads, operands)}
      ${format.unit ? scaledProducts(format, format.unit, tile) : plainProducts(format, tile)}`;
}

/** Threads that read in quads take every fourth group of four of a block each; of a block of one group a value each. */
function inputQuad({ quads }: WeightFormat, { reading }: TileShape, t: number, quad: number): string {
  const at = `from${t} + block * ${quads}u`;
  if (reading !== 'in quads') return `let x${t}_${quad} = input[${at} + ${quad}u];`;
  if (quads === 1) {
    const values = Array.from({ length: QUAD }, (_, i) => `quadBroadcast(mine${t}, ${i}u)`);
    return `let mine${t} = input[(${at}) * ${QUAD}u + inQuad]; let x${t}_0 = vec4f(${values.join()});`;
  }
  const first = quad - (quad % QUAD);
  const read = quad === first ? `let mine${t}_${first} = input[${at} + ${first}u + inQuad];` : '';
  return `${read} let x${t}_${quad} = quadBroadcast(mine${t}_${first}, ${quad - first}u);`;
}

export function eachCell({ rows, tokens }: TileShape, text: (cell: string, row: number, token: number) => string): string {
  return unroll(rows, (r) => unroll(tokens, (t) => text(`${r}_${t}`, r, t)));
}

function plainProducts({ quads }: WeightFormat, tile: TileShape): string {
  return unroll(quads, (i) => eachCell(tile, (cell, r, t) => `sum${cell} = dot4(w${r}_${i}, x${t}_${i}, sum${cell});`));
}

/**
 * The parts of a block are summed without their scale first: one multiplication a part. A minimum is multiplied by the sum
 * of the inputs, which all rows share. Steps are constants, each named after the last: writing to a variable in a loop is
 * slow where threads share a SIMD register.
 */
function scaledProducts({ quads, scales }: WeightFormat, unit: string, tile: TileShape): string {
  const perPart = quads / scales.parts;
  const isFirst = (quad: number) => quad % perPart === 0;
  const step = (i: number) =>
    eachCell(tile, (cell, r, t) => {
      const before = isFirst(i) ? 'vec4f(0)' : `part${cell}_${i - 1}`;
      return `let part${cell}_${i} = fma(w${r}_${i}, x${t}_${i}, ${before});`;
    });
  const inputStep = (i: number) =>
    unroll(tile.tokens, (t) => `let all${t}_${i} = ${isFirst(i) ? `x${t}_${i}` : `all${t}_${i - 1} + x${t}_${i}`};`);
  const end = (part: number) => {
    const last = (part + 1) * perPart - 1;
    const scale = (r: number, index: number) => (scales.parts === 1 && !scales.minima ? `scale${r}` : `scale${r}[${index}]`);
    const products = eachCell(
      tile,
      (cell, r) => `sum${cell} = fma(${scale(r, part)}, dot4(part${cell}_${last}, ${unit}, 0.0), sum${cell});`,
    );
    if (!scales.minima) return products;
    return `${products}
      ${unroll(tile.tokens, (t) => `let total${t}_${part} = dot4(all${t}_${last}, vec4f(1), 0.0);`)}
      ${eachCell(tile, (cell, r, t) => `sum${cell} = fma(${scale(r, scales.parts + part)}, total${t}_${part}, sum${cell});`)}`;
  };
  return `
      ${unroll(quads, (i) => step(i) + (scales.minima ? inputStep(i) : ''))}
      ${unroll(tile.rows, (r) => `let scale${r} = scalesOf(at${r});`)}
      ${unroll(scales.parts, end)}`;
}

export const BINDINGS: KernelSource['bindings'] = ['read', 'read', 'read', 'write', 'uniform', 'uniform'];

/**
 * What a thread takes where threads read in quads: on the processor a loop is fast as long as a core's instruction cache
 * holds it. Blocks of plain floats have little text; minima and second scales have more than one scale.
 */
function fittedTile(format: WeightFormat, tile: SerialTile): SerialTile {
  if (tile.reading === 'alone') return tile;
  if (!format.unit) return { ...tile, rows: 2 * tile.rows };
  if (format.scales.minima || format.scales.parts > 1) return { ...tile, tokens: Math.min(3, tile.tokens) };
  return tile;
}

/**
 * output[token, row] = sum over k of weight[row, k] * input[token, k], one thread a tile and no barriers: what an adapter
 * on the processor wants. Grid: (rows / groupRows, tokens / groupTokens), rows folded into z beyond the limit.
 */
export function matmulKernel(format: WeightFormat, wanted: SerialTile, outcome: Outcome = 'rows'): MatmulSource {
  const tile = fittedTile(format, wanted);
  const { rows, tokens, reading } = tile;
  const inQuads = reading === 'in quads';
  const stored = outcomes(outcome, rows);
  const sums = Array.from({ length: rows * tokens }, (_, i) => ({
    name: `sum${Math.floor(i / tokens)}_${i % tokens}`,
    type: 'f32' as const,
  }));
  // A tile that hangs over an edge computes the last row or token again and does not store it.
  const wgsl = `${inQuads ? 'enable subgroups;' : ''}
${DECLARATIONS(format, inQuads && format.quads === 1 ? 'f32' : 'vec4f')}
${outcomeHelpers(outcome)}
@compute @workgroup_size(${tile.threads})
fn main(${GROUP_AND_THREAD}${inQuads ? ', @builtin(subgroup_invocation_id) id: u32' : ''}) {
  ${inQuads ? `let inQuad = id % ${QUAD}u;` : ''}
  let firstRow = (${FOLDED_GROUP} * ${tile.threads}u + thread) * ${stored}u;
  ${inQuads ? '' : 'if (firstRow >= shape.rows) { return; }'}
  let firstToken = group.y * ${tokens}u;
  ${unroll(rows, (r) => `let row${r} = ${matrixRow(outcome, r)};`)}
  ${unroll(tokens, (t) => `let from${t} = min(firstToken + ${t}u, tokens.x - 1u) * shape.blocks * ${format.quads}u;`)}
  ${laneSums(sums, 'shape.lanes', laneOfTile(format, tile))}
  ${unroll(stored, (i) =>
    unroll(
      tokens,
      (t) => `if (firstRow + ${i}u < shape.rows && firstToken + ${t}u < tokens.x) {
    store(firstToken + ${t}u, firstRow + ${i}u, ${outcomeOf(outcome, i, (r) => `sum${r}_${t}_all`)});
  }`,
    ),
  )}
}`;
  const label = `matmul ${format.type} ${rows}x${tokens}${inQuads ? ' in quads' : ''} ${outcome}`;
  return { label, wgsl, bindings: BINDINGS, groupRows: stored * tile.threads, groupTokens: tokens };
}
