import { expect, test } from 'vitest';
import { latencyAssignment, throughputAssignment } from './edgeshard.ts';
import { goalMs } from './objective.ts';
import { repairAssignment } from './repair.ts';
import { solve } from './solve.ts';
import { type Setting, settingOf } from './solver-setting.ts';
import { randomRoom } from './testing/random-room.ts';

/** A thousand rooms take some seconds, but a busy machine takes its time. */
const TIMEOUT_MS = 120_000;
/** The throughput programme's steps double with every device. */
const PROGRAMME_DEVICES = 6;

function paperMs({ tables, goal }: Setting): number {
  const first = [...tables.peerIds.keys()].slice(0, PROGRAMME_DEVICES);
  const assignment = goal.kind === 'throughput' ? throughputAssignment(tables, first) : latencyAssignment(tables);
  const plan = assignment && repairAssignment(tables, assignment, goal);
  return plan ? goalMs(goal, plan.passMs, plan.bottleneckMs) : Number.POSITIVE_INFINITY;
}

test('in a thousand rooms of up to 12 devices and 40 layers, no plan of the repaired programmes is better', {
  timeout: TIMEOUT_MS,
}, () => {
  let better = 0;
  for (let seed = 1; seed <= 1000; seed++) {
    const asked = randomRoom({
      seed,
      devices: 2 + (seed % 11),
      layers: 4 + ((seed * 5) % 37),
      room: [1.1, 1.5, 3][seed % 3]!,
      objective: seed % 2 === 0 ? 'latency' : 'throughput',
      isUneven: Math.floor(seed / 2) % 4 === 0,
    });
    const setting = settingOf(asked, asked.sources, 'last-stage');
    const paper = paperMs(setting);
    const ours = solve(setting.tables, setting.goal);
    if (!ours) {
      expect(paper, `room ${seed}`).toBe(Number.POSITIVE_INFINITY);
      continue;
    }
    expect(ours.valueMs, `room ${seed}`).toBeLessThanOrEqual(paper * (1 + 1e-9));
    if (ours.valueMs < paper * 0.99) better++;
  }
  expect(better).toBeGreaterThan(300);
});
