import { type CostTables, fits, stageBusyMs, stageMs } from '../cost.ts';
import { type Goal, goalMs } from '../objective.ts';

/** The least that any order of distinct devices with any contiguous cut comes to, ms: every one of them is tried. */
export function leastByEnumeration(tables: CostTables, goal: Goal, required: readonly number[] = []): number {
  let least = Number.POSITIVE_INFINITY;
  const finish = (used: number[], passMs: number, busyMs: number) => {
    const last = used.at(-1)!;
    const allMs = passMs + tables.exitMs[last]! + tables.sourceMs;
    const bottleneckMs = Math.max(busyMs, tables.exitBusyMs[last]!, tables.sourceBusyMs);
    if (required.every((device) => used.includes(device))) least = Math.min(least, goalMs(goal, allMs, bottleneckMs));
  };
  const extend = (used: number[], start: number, passMs: number, busyMs: number) => {
    if (start === tables.nLayers) return finish(used, passMs, busyMs);
    for (const device of tables.peerIds.keys()) {
      if (used.includes(device)) continue;
      const before = used.at(-1);
      const hopMs = before === undefined ? tables.entryMs[device]! : tables.hopMs[before]![device]!;
      const hopBusyMs = before === undefined ? tables.entryBusyMs[device]! : tables.hopBusyMs[before]![device]!;
      for (let end = start + 1; end <= tables.nLayers; end++) {
        const head = end === tables.nLayers;
        if (!fits(tables, device, start, end, head)) continue;
        const nowBusyMs = Math.max(busyMs, hopBusyMs, stageBusyMs(tables, device, start, end, head));
        extend([...used, device], end, passMs + hopMs + stageMs(tables, device, start, end, head), nowBusyMs);
      }
    }
  };
  extend([], 0, 0, 0);
  return least;
}
