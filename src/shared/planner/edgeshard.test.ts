import { expect, test } from 'vitest';
import { costTables } from './cost.ts';
import { latencyAssignment, throughputAssignment, throughputDeviceLimit } from './edgeshard.ts';
import { planRoom } from './plan.ts';
import { device, link, problem, spec } from './testing/problem.ts';

const TOKEN = { kind: 'token', head: 'last-stage' } as const;
const layers = (n: number) => n * 104;

/** The smallest instance on which the paper's latency programme misses the best plan: the first device is the source. */
const misled = problem({
  spec: spec(5, { headBytes: 0, embeddingBytes: 0, dim: 1 }),
  devices: [device(1, 6, layers(1), true), device(2, 6, layers(2)), device(3, 9, layers(2))],
  links: [link(1, 2, 178), link(1, 3, 10), link(2, 3, 18)],
});

test('the latency programme keeps to the memory and counts each hop', () => {
  const tables = costTables(misled, [], TOKEN);
  const assignment = latencyAssignment(tables);
  const uses = [0, 1, 2].map((d) => assignment?.filter((x) => x === d).length);
  expect(uses).toEqual([1, 2, 2]);
});

test('planning answers with the best chain where the programme alone does not', () => {
  const result = planRoom(misled);
  expect(result.ok && result.layout.predicted.msPerToken).toBeCloseTo(50, 2);
});

test('without memory limits the latency programme takes the fastest device alone', () => {
  const devices = [device(1, 5, 1e6), device(2, 4, 1e6), device(3, 6, 1e6)];
  expect(latencyAssignment(costTables(problem({ devices }), [], TOKEN))).toEqual([1, 1, 1, 1]);
});

test('the throughput programme balances stages by speed', () => {
  const devices = [device(1, 1, 1e6), device(2, 3, 1e6)];
  const assignment = throughputAssignment(costTables(problem({ devices, objective: 'throughput' }), [], TOKEN), [0, 1]);
  expect(assignment?.filter((d) => d === 0)).toHaveLength(3);
});

test('the throughput programme does not cross a link slower than what it saves', () => {
  const devices = [device(1, 1, 1e6), device(2, 1, 1e6)];
  const tables = costTables(problem({ devices, links: [link(1, 2, 2, 0.1)] }), [], TOKEN);
  expect(new Set(throughputAssignment(tables, [0, 1])).size).toBe(1);
});

test('both answer null when nothing fits', () => {
  const tables = costTables(problem({ devices: [device(1, 1, 10)] }), [], TOKEN);
  expect(latencyAssignment(tables)).toBeNull();
  expect(throughputAssignment(tables, [0])).toBeNull();
});

test('the number of devices that the throughput programme looks at falls with the layers', () => {
  expect(throughputDeviceLimit(32)).toBe(10);
  expect(throughputDeviceLimit(512)).toBeLessThan(8);
});
