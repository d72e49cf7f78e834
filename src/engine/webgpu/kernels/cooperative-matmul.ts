import type { CooperativeTile } from '../variants.ts';
import type { WeightFormat } from './formats.ts';
import { LANES, laneSums, unroll } from './lanes.ts';
import { BINDINGS, DECLARATIONS, FOLDED_GROUP, GROUP_AND_THREAD, laneOfTile, type MatmulSource } from './matmul.ts';
import { matrixRow, type Outcome, outcomeHelpers, outcomeOf, outcomes } from './product-outcome.ts';

/**
 * The products of `matmulKernel` for one token at a time, where `threadsPerRow` neighbours share each row: together they read
 * a stretch of it, and of the input, without gaps. Each joins its own lanes; what is left of the tree joins the threads.
 * Grid: as there.
 */
export function cooperativeMatmulKernel(format: WeightFormat, wanted: CooperativeTile, outcome: Outcome = 'rows'): MatmulSource {
  // A gate and what it gates belong to one thread.
  const tile = outcome === 'gated' ? { ...wanted, rows: Math.max(2, wanted.rows) } : wanted;
  const { threadsPerRow, rows, threads, join } = tile;
  const stored = outcomes(outcome, rows);
  const groupRows = (threads / threadsPerRow) * stored;
  const sums = Array.from({ length: rows }, (_, r) => ({ name: `sum${r}_0`, type: 'f32' as const }));
  const lanes = LANES / threadsPerRow;
  const wgsl = `${join === 'subgroup' ? 'enable subgroups;' : ''}
${DECLARATIONS(format)}
${outcomeHelpers(outcome)}
${join === 'memory' ? `var<workgroup> parts: array<f32, ${threads * rows}>;` : ''}
@compute @workgroup_size(${threads})
fn main(${GROUP_AND_THREAD}) {
  let part = thread % ${threadsPerRow}u;
  let firstRow = ${FOLDED_GROUP} * ${groupRows}u + (thread / ${threadsPerRow}u) * ${stored}u;
  ${unroll(rows, (r) => `let row${r} = ${matrixRow(outcome, r)};`)}
  let from0 = group.y * shape.blocks * ${format.quads}u;
  ${laneSums(sums, `(part + 1u) * ${lanes}u`, laneOfTile(format, { rows, tokens: 1 }), `part * ${lanes}u`)}
  ${join === 'memory' ? joinInMemory(tile) : joinInSubgroup(tile)}
  if (part != 0u) { return; }
  ${unroll(stored, (i) => `if (firstRow + ${i}u < shape.rows) { store(group.y, firstRow + ${i}u, ${outcomeOf(outcome, i, (r) => `joined${r}`)}); }`)}
}`;
  const label = `matmul ${format.type} ${threadsPerRow} threads x ${rows} ${join} ${outcome}`;
  return { label, wgsl, bindings: BINDINGS, groupRows, groupTokens: 1 };
}

/** The first thread of a row adds what the others have left: neighbours first. */
function joinInMemory({ threadsPerRow, rows, threads }: CooperativeTile): string {
  const tree = (from: number, count: number, r: number): string =>
    count === 1
      ? `parts[${r * threads}u + thread - part + ${from}u]`
      : `(${tree(from, count / 2, r)} + ${tree(from + count / 2, count / 2, r)})`;
  return `
  ${unroll(rows, (r) => `parts[${r * threads}u + thread] = sum${r}_0_all;`)}
  workgroupBarrier();
  ${unroll(rows, (r) => `let joined${r} = ${tree(0, threadsPerRow, r)};`)}`;
}

/** All threads of a row add their neighbours' sums to their own. To swap the two operands of a sum changes no bit. */
function joinInSubgroup({ threadsPerRow, rows }: CooperativeTile): string {
  const distances = [1, 2, 4].filter((distance) => distance < threadsPerRow);
  return unroll(rows, (r) => {
    const steps = distances.map((distance) => `joined${r} += subgroupShuffleXor(joined${r}, ${distance}u);`);
    return [`var joined${r} = sum${r}_0_all;`, ...steps].join(' ');
  });
}
