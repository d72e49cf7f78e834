import type { HeadAsk } from '../shared/model/head-row.ts';
import { type ForwardFrame, type Run, rowsOf } from '../shared/protocol/frame.ts';

/** A run and where its rows are in the frame. */
export interface PlacedRun {
  run: Run;
  /** Index of its first row. */
  firstRow: number;
  /** Indices into the frame's heads. */
  heads: number[];
}

export function placedRuns({ runs, heads }: ForwardFrame): PlacedRun[] {
  let firstRow = 0;
  return runs.map((run) => {
    const placed = { run, firstRow, heads: indicesWithin(heads, firstRow, firstRow + run.rows) };
    firstRow += run.rows;
    return placed;
  });
}

/** The frame with only those runs; null when none is left. The very frame when all are. */
export function keepRuns(frame: ForwardFrame, isKept: (run: Run) => boolean): ForwardFrame | null {
  const placed = placedRuns(frame).filter(({ run }) => isKept(run));
  if (placed.length === frame.runs.length) return frame;
  if (placed.length === 0) return null;
  const runs = placed.map(({ run }) => run);
  const hidden = new Float32Array(rowsOf(runs) * frame.dim);
  const heads: HeadAsk[] = [];
  let row = 0;
  for (const { run, firstRow, heads: asked } of placed) {
    hidden.set(frame.hidden.subarray(firstRow * frame.dim, (firstRow + run.rows) * frame.dim), row * frame.dim);
    for (const i of asked) heads.push({ ...frame.heads[i]!, row: frame.heads[i]!.row - firstRow + row });
    row += run.rows;
  }
  return { ...frame, runs, heads, hidden };
}

function indicesWithin(heads: readonly HeadAsk[], start: number, end: number): number[] {
  return heads.flatMap(({ row }, i) => (row >= start && row < end ? [i] : []));
}
