import type { StagedTile } from '../variants.ts';
import type { WeightFormat } from './formats.ts';
import { LANES, unroll } from './lanes.ts';
import { BINDINGS, blockOfTile, DECLARATIONS, eachCell, FOLDED_GROUP, GROUP_AND_THREAD, type MatmulSource } from './matmul.ts';
import { matrixRow, matrixRowAt, type Outcome, outcomeHelpers, outcomeOf, outcomes } from './product-outcome.ts';

/**
 * The products of `matmulKernel` for many tokens. Step by step a workgroup brings LANES blocks of each of its rows, packed
 * as they are, to its own memory, so that they come once for all its tokens; thread t takes lane t mod LANES of the tokens
 * of group t / LANES. Lanes meet at the end. Grid: as there.
 */
export function stagedMatmulKernel(format: WeightFormat, tile: StagedTile, outcome: Outcome = 'rows'): MatmulSource {
  const { rows, tokens, tokenGroups } = tile;
  const stored = outcomes(outcome, rows);
  const threads = LANES * tokenGroups;
  const cells = rows * tokens;
  const rowElements = LANES * format.elements;
  const staged = (r: number, e: number) => `staged[${r * rowElements + e}u + lane * ${format.elements}u]`;
  const lanesOf = (at: string, from = 0, count = LANES): string =>
    count === 1 ? `parts[${at} + ${from}u]` : `(${lanesOf(at, from, count / 2)} + ${lanesOf(at, from + count / 2, count / 2)})`;
  const rowParts = tokens * threads;
  const wgsl = `${DECLARATIONS(format)}
${outcomeHelpers(outcome)}
var<workgroup> staged: array<${format.element}, ${rows * rowElements}>;   // (rows, lanes, elements)
var<workgroup> parts: array<f32, ${cells * threads}>;                     // (cells of a thread, token groups, lanes)
@compute @workgroup_size(${threads})
fn main(${GROUP_AND_THREAD}) {
  let lane = thread % ${LANES}u;
  let firstRow = ${FOLDED_GROUP} * ${stored}u;
  let groupToken = group.y * ${tokens * tokenGroups}u;
  let firstToken = groupToken + (thread / ${LANES}u) * ${tokens}u;
  ${unroll(rows, (r) => `let row${r} = ${matrixRow(outcome, r)};`)}
  ${unroll(tokens, (t) => `let from${t} = min(firstToken + ${t}u, tokens.x - 1u) * shape.blocks * ${format.quads}u;`)}
  ${eachCell(tile, (cell) => `var sum${cell} = 0.0;`)}
  for (var first = 0u; first < shape.blocks; first += ${LANES}u) {
    let present = min(${LANES}u, shape.blocks - first) * ${format.elements}u;
    for (var i = thread; i < ${rows * rowElements}u; i += ${threads}u) {
      let local = i / ${rowElements}u;
      let row = ${matrixRowAt(outcome, 'local')};
      let within = i % ${rowElements}u;
      if (within < present) { staged[i] = weights[(row * shape.blocks + first) * ${format.elements}u + within]; }
    }
    workgroupBarrier();
    let block = first + lane;
    if (block < shape.blocks) {
      ${unroll(rows, (r) => `let at${r} = row${r} * shape.blocks + block;`)}
      ${blockOfTile(format, tile, staged)}
    }
    workgroupBarrier();
  }
  ${eachCell(tile, (cell, r, t) => `parts[${(r * tokens + t) * threads}u + thread] = sum${cell};`)}
  workgroupBarrier();
  for (var i = thread; i < ${stored * tokens * tokenGroups}u; i += ${threads}u) {
    let within = i % ${tokens * tokenGroups}u;
    let index = i / ${tokens * tokenGroups}u;
    let token = groupToken + (within % ${tokenGroups}u) * ${tokens}u + within / ${tokenGroups}u;
    let at = index * ${(rows / stored) * rowParts}u + within * ${LANES}u;
    if (firstRow + index < shape.rows && token < tokens.x) {
      store(token, firstRow + index, ${outcomeOf(outcome, 0, (r) => lanesOf(`at + ${r * rowParts}u`))});
    }
  }
}`;
  const label = `matmul ${format.type} staged ${rows}x${tokens}x${tokenGroups} ${outcome}`;
  return { label, wgsl, bindings: BINDINGS, groupRows: stored, groupTokens: tokens * tokenGroups };
}
