/**
 * What becomes of the sums of a product: `rows` stores each. `gated` stores silu(gate) * up (Shazeer 2020) of each row of the
 * first half of a stack and the same row of the second, and counts rows by such pairs: of the rows that a thread has at hand,
 * 2i and 2i + 1 are gate and up of pair i.
 */
export type Outcome = 'rows' | 'gated';

/** Rows or pairs that so many rows at hand make. */
export function outcomes(outcome: Outcome, rows: number): number {
  return outcome === 'rows' ? rows : rows / 2;
}

/** WGSL of the row of the matrix that row `local` at hand is, where `firstRow` is the first row or pair. */
export function matrixRow(outcome: Outcome, local: number): string {
  if (outcome === 'rows') return `shape.firstRow + min(firstRow + ${local}u, shape.rows - 1u)`;
  const gate = `shape.firstRow + min(firstRow + ${local >> 1}u, shape.rows - 1u)`;
  return local % 2 === 0 ? gate : `${gate} + shape.rows`;
}

/** The same for a row `local` that is known only in the kernel. */
export function matrixRowAt(outcome: Outcome, local: string): string {
  if (outcome === 'rows') return `shape.firstRow + min(firstRow + ${local}, shape.rows - 1u)`;
  return `shape.firstRow + min(firstRow + ${local} / 2u, shape.rows - 1u) + (${local} & 1u) * shape.rows`;
}

/** WGSL of what is stored for row or pair `index`, where rows at hand have these sums. */
export function outcomeOf(outcome: Outcome, index: number, sum: (local: number) => string): string {
  return outcome === 'rows' ? sum(index) : `gated(${sum(2 * index)}, ${sum(2 * index + 1)})`;
}

/** What `outcomeOf` calls. exp(80) is finite and makes silu as good as zero; beyond that exp would overflow. */
export function outcomeHelpers(outcome: Outcome): string {
  if (outcome === 'rows') return '';
  return 'fn gated(gate: f32, up: f32) -> f32 { return (gate / (1.0 + exp(-max(gate, -80.0)))) * up; }';
}
