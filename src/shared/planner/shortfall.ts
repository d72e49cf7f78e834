import { AppError } from '../errors.ts';
import { type CostTables, shardBytes } from './cost.ts';
import { coverAllLayers } from './coverage.ts';
import type { PlanningProblem } from './problem.ts';

/** Decimal units with one digit, as people read them on a box: `4.1 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.ceil(value) : value.toFixed(1)} ${units[unit]}`;
}

/**
 * Why there is no plan for these devices.
 *
 * @returns `does-not-fit` with the bytes that are missing when links are not to blame, else `no-path`.
 */
export function whyNoPlan(problem: PlanningProblem, tables: CostTables): AppError {
  const neededBytes = shardBytes(tables, 0, tables.nLayers, true);
  const lentBytes = tables.roomBytes.reduce((sum, bytes) => sum + Math.max(0, bytes), 0);
  const needs = `${problem.spec.name} needs ${formatBytes(neededBytes)} with a context of ${problem.contextLength} tokens`;
  if (lentBytes < neededBytes) {
    const missing = formatBytes(neededBytes - lentBytes);
    return new AppError('does-not-fit', `${needs}, the room lends ${formatBytes(lentBytes)}: ${missing} are missing`);
  }
  const unlinked = coverAllLayers(tables, false, () => true);
  if (!unlinked.order) {
    const missing = formatBytes(shardBytes(tables, unlinked.coveredLayers, tables.nLayers, true));
    return new AppError(
      'does-not-fit',
      `${needs}, the room lends ${formatBytes(lentBytes)}, but in portions too small for whole layers: one device must lend ${missing} more`,
    );
  }
  return new AppError(
    'no-path',
    `${needs} and the room lends ${formatBytes(lentBytes)}, but the devices that could hold it are not all linked to each other and to the chats`,
  );
}
