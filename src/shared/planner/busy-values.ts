import { type CostTables, fits, stageBusyMs } from './cost.ts';

/**
 * Every time that a stage or link of these devices may be busy, ms: the values that a plan's bottleneck may have.
 *
 * @param isEqual all layers cost the same, so a stage's time depends on their number only.
 */
export function busyValues(tables: CostTables, devices: readonly number[], isEqual: boolean): number[] {
  const values = [tables.sourceBusyMs];
  for (const device of devices) {
    values.push(tables.entryBusyMs[device]!, tables.exitBusyMs[device]!);
    for (const to of devices) values.push(tables.hopBusyMs[device]![to]!);
    for (let start = 0; start < (isEqual ? 1 : tables.nLayers); start++) pushStages(values, tables, device, start);
    pushHeadStages(values, tables, device);
  }
  return values.filter((ms) => ms >= tables.sourceBusyMs);
}

function pushStages(values: number[], tables: CostTables, device: number, start: number): void {
  for (let end = start + 1; end < tables.nLayers && fits(tables, device, start, end, false); end++) {
    values.push(stageBusyMs(tables, device, start, end, false));
  }
}

function pushHeadStages(values: number[], tables: CostTables, device: number): void {
  const end = tables.nLayers;
  for (let start = end - 1; start >= 0 && fits(tables, device, start, end, true); start--) {
    values.push(stageBusyMs(tables, device, start, end, true));
  }
}
