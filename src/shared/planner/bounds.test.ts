import { expect, test } from 'vitest';
import { ClusterBound } from './cluster-bound.ts';
import { clustersOf } from './cuts.ts';
import { layerView } from './layer-view.ts';
import { solve } from './solve.ts';
import { settingOf } from './solver-setting.ts';
import { leastByEnumeration } from './testing/enumerate.ts';
import { randomRoom } from './testing/random-room.ts';
import { WalkSearch } from './walks.ts';

function* rooms() {
  for (let seed = 1; seed <= 400; seed++) {
    const shape = {
      seed,
      devices: 2 + (seed % 4),
      layers: 3 + (seed % 6),
      room: [1.2, 2, 4][seed % 3]!,
      isUneven: seed % 2 === 0,
    };
    const asked = randomRoom({ ...shape, objective: 'latency' });
    yield { seed, tables: settingOf(asked, asked.sources, 'last-stage').tables };
  }
}

/** Enumerations take seconds on a busy machine. */
const TIMEOUT_MS = 60_000;

test(
  'neither bound is above the best plan, whatever the prices',
  () => {
    for (const { seed, tables } of rooms()) {
      const least = leastByEnumeration(tables, { kind: 'latency' });
      const devices = [...tables.peerIds.keys()];
      expect(
        new ClusterBound(tables, layerView(tables)).boundMs(devices, Number.POSITIVE_INFINITY),
        `room ${seed}`,
      ).toBeLessThanOrEqual(least + 1e-6);
      const clusters = clustersOf(tables, layerView(tables), devices, Number.POSITIVE_INFINITY);
      const walks = new WalkSearch(tables, devices, Number.POSITIVE_INFINITY, clusters);
      for (const priceMs of [0, 5, 30]) {
        const prices = Float64Array.from([...devices, ...clusters.cuts], (_, i) => (priceMs * ((seed + i) % 3)) / 2);
        expect(walks.solve(prices)?.boundMs ?? Number.POSITIVE_INFINITY, `room ${seed}`).toBeLessThanOrEqual(least + 1e-6);
        const withDevice = walks.boundsWith(prices);
        for (const device of devices) {
          const forced = leastByEnumeration(tables, { kind: 'latency' }, [device]);
          expect(withDevice[device]!, `room ${seed}, device ${device}`).toBeLessThanOrEqual(forced + 1e-6);
        }
      }
    }
  },
  TIMEOUT_MS,
);

test('above 16 devices a plan comes with a bound, in the time given', () => {
  for (const objective of ['latency', 'throughput', 'first-token'] as const) {
    const asked = randomRoom({ seed: 3, devices: 40, layers: 60, room: 4, objective });
    const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
    let ticks = 0;
    // A clock that counts its readings: the search must look at it, and stop.
    const solution = solve(tables, goal, { now: () => ticks++, deadlineMs: 60 })!;
    expect(solution.valueMs).toBeGreaterThan(0);
    expect(solution.lowerMs).toBeGreaterThan(0);
    expect(solution.lowerMs).toBeLessThanOrEqual(solution.valueMs);
    expect(ticks).toBeLessThan(200);
  }
});

test('a bound for many devices is below what an exact search among few of them finds', () => {
  const asked = randomRoom({ seed: 9, devices: 20, layers: 30, room: 4, objective: 'latency' });
  const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
  const all = solve(tables, goal, { deadlineMs: Date.now() + 2000 })!;
  const few = solve(tables, goal, { excluded: [0, 1, 2, 3, 4, 5] });
  expect(all.lowerMs).toBeLessThanOrEqual(few?.valueMs ?? Number.POSITIVE_INFINITY);
});

test('a room of more devices than sets have bits still gets a plan with its bound', () => {
  const asked = randomRoom({ seed: 5, devices: 70, layers: 40, room: 6, objective: 'latency' });
  const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
  const solution = solve(tables, goal, { deadlineMs: Date.now() + 1000 })!;
  expect(solution.lowerMs).toBeGreaterThan(0.5 * solution.valueMs);
});
