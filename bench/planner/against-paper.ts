import type { Objective } from '../../src/shared/model/plan.ts';
import { latencyAssignment, throughputAssignment, throughputDeviceLimit } from '../../src/shared/planner/edgeshard.ts';
import { goalMs } from '../../src/shared/planner/objective.ts';
import { repairAssignment } from '../../src/shared/planner/repair.ts';
import { solve } from '../../src/shared/planner/solve.ts';
import { type Setting, settingOf } from '../../src/shared/planner/solver-setting.ts';
import { table } from '../table.ts';
import { benchRoom, PLACES } from './rooms.ts';

const INSTANCES = 600;
const ROOMS = [1.15, 1.5, 2, 4];

/** How much longer the paper's plan takes than ours, over many rooms of 3 to 12 devices and 8 to 40 layers. */
export function compareWithPaper(): string {
  const rows = [
    [
      "against the paper's programme, repaired",
      'rooms',
      'no plan by it',
      'equal',
      'mean gain %',
      'median %',
      '90 %',
      'most %',
      'ours worse',
    ],
  ];
  for (const objective of ['latency', 'throughput'] as const) rows.push(row(objective));
  return table(rows);
}

function row(objective: Objective): string[] {
  const gains: number[] = [];
  let [rooms, none, worse] = [0, 0, 0];
  for (let seed = 1; seed <= INSTANCES; seed++) {
    const devices = 3 + (seed % 10);
    const layers = 8 + ((seed * 7) % 33);
    const asked = benchRoom({ seed, devices, layers, places: PLACES[seed % 4]!, room: ROOMS[(seed >> 2) % 4]!, objective });
    const setting = settingOf(asked, asked.sources, 'last-stage');
    const ours = solve(setting.tables, setting.goal)?.valueMs;
    if (ours === undefined) continue;
    rooms++;
    const paper = paperMs(setting);
    if (paper === null) none++;
    else {
      gains.push((paper / ours - 1) * 100);
      if (ours > paper * (1 + 1e-9)) worse++;
    }
  }
  gains.sort((a, b) => a - b);
  const at = (part: number) => (gains[Math.floor(part * (gains.length - 1))] ?? 0).toFixed(1);
  const equal = gains.filter((gain) => gain < 0.01).length;
  const mean = (gains.reduce((sum, gain) => sum + gain, 0) / gains.length).toFixed(1);
  return [objective, ...[rooms, none, equal].map(String), mean, at(0.5), at(0.9), at(1), String(worse)];
}

/** The paper's plan, one contiguous shard for each of its devices; null when it finds none, or none that can be repaired. */
export function paperMs({ tables, goal }: Setting): number | null {
  const first = [...tables.peerIds.keys()].slice(0, throughputDeviceLimit(tables.nLayers));
  const assignment = goal.kind === 'throughput' ? throughputAssignment(tables, first) : latencyAssignment(tables);
  const plan = assignment && repairAssignment(tables, assignment, goal);
  return plan && goalMs(goal, plan.passMs, plan.bottleneckMs);
}
