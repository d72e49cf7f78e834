import { AppError } from '../errors.ts';
import { type CostTables, shardBytes } from './cost.ts';
import { coverAllLayers } from './coverage.ts';
import type { PlanningProblem } from './problem.ts';

/**
 * Why there is no plan for these devices.
 *
 * @returns `does-not-fit` with the bytes that are missing when links are not to blame, else `no-path`.
 */
export function whyNoPlan(problem: PlanningProblem, tables: CostTables): AppError {
  const neededBytes = shardBytes(tables, 0, tables.nLayers, true);
  const lentBytes = tables.freeBytes.reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
  const values = { model: problem.spec.name, neededBytes, contextTokens: problem.contextLength, lentBytes };
  const sums = `${neededBytes} bytes are needed, ${lentBytes} are lent`;
  if (lentBytes < neededBytes) {
    return new AppError('does-not-fit', sums, { values: { ...values, missingBytes: neededBytes - lentBytes } });
  }
  const unlinked = coverAllLayers(tables, false, () => true);
  if (!unlinked.order) {
    const missingFromOneBytes = shardBytes(tables, unlinked.coveredLayers, tables.nLayers, true);
    const message = `${sums} in portions too small for whole layers`;
    return new AppError('does-not-fit', message, { values: { ...values, missingFromOneBytes } });
  }
  return new AppError('no-path', `${sums} by devices that are not all linked`, { values });
}
