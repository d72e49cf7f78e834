import type { CostTables } from './cost.ts';
import { coverAllLayers } from './coverage.ts';
import type { PassPlan } from './device-part.ts';
import type { Assignment } from './edgeshard.ts';
import type { Goal } from './objective.ts';
import { splitAlong } from './split.ts';

/**
 * Makes one contiguous shard per device out of any assignment: keeps the order in which it first visits its devices and
 * cuts the layers anew along that order, within memory.
 *
 * @returns null when that order has no such cut.
 */
export function repairAssignment(tables: CostTables, assignment: Assignment, goal: Goal): PassPlan | null {
  return splitAlong(tables, [...new Set(assignment)], goal);
}

/** Any plan within memory and links, beyond the devices and the order of an answer that cannot be repaired. */
export function findAnyPlan(tables: CostTables, goal: Goal): PassPlan | null {
  const { order } = coverAllLayers(tables, true, (candidate) => splitAlong(tables, candidate, goal) !== null);
  return order && splitAlong(tables, order, goal);
}
