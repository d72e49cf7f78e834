import { afterEach, expect, test } from 'vitest';
import type { PlanningProblem } from '../src/shared/planner/problem.ts';
import { WorkerPlanner } from './planner-runner.ts';
import { tinySpec } from './testing/room.ts';

const problem = (contextLength: number): PlanningProblem => ({
  spec: tinySpec,
  contextLength,
  wireDtype: 'f32',
  objective: 'latency',
  devices: [],
  links: [],
  sources: [],
  sequences: 0,
  concurrentSequences: 1,
  promptTokens: 1,
  sourceLayers: 0,
  head: 'last-stage',
  surviving: [],
});

/** Workers of the same protocol in plain JavaScript: Node 20 cannot run the real one before it is bundled. */
const script = (body: string) =>
  new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads';${body}`)}`);
const echo = script(`parentPort.on('message', ({ id, problem }) =>
  parentPort.postMessage({ id, result: { ok: false, error: { code: 'no-path', message: String(problem.contextLength) } } }));`);
const crash = script(`parentPort.on('message', () => { throw new Error('out of luck'); });`);

let planner: WorkerPlanner | null = null;
afterEach(() => planner?.close());

const messageOf = (result: Awaited<ReturnType<WorkerPlanner['plan']>>) => (result && !result.ok ? result.error.message : result);

test('the newest request of a room takes the place of the one that waits; other rooms are served in turn', async () => {
  planner = new WorkerPlanner(echo);
  const answers = await Promise.all([
    planner.plan('AAAAA', problem(1)),
    planner.plan('AAAAA', problem(2)),
    planner.plan('BBBBB', problem(3)),
    planner.plan('AAAAA', problem(4)),
  ]);
  expect(answers.map(messageOf)).toEqual(['1', null, '3', '4']);
});

test('a request that kills the worker fails with its reason, and the next one gets a new worker', async () => {
  planner = new WorkerPlanner(crash);
  const answers = await Promise.all([planner.plan('AAAAA', problem(1)), planner.plan('BBBBB', problem(2))]);
  for (const answer of answers) expect(messageOf(answer)).toMatch(/out of luck/);
});

test('closing answers everybody who waits', async () => {
  planner = new WorkerPlanner(script('setInterval(() => {}, 1000);'));
  const waiting = [planner.plan('AAAAA', problem(1)), planner.plan('BBBBB', problem(2))];
  await planner.close();
  expect(await Promise.all(waiting)).toEqual([null, null]);
});

test('a request that takes too long is given up, and the next one gets a new worker', async () => {
  const stuck = script(`parentPort.on('message', ({ id, problem }) => {
    if (problem.contextLength === 1) for (;;);
    parentPort.postMessage({ id, result: { ok: false, error: { code: 'no-path', message: 'planned' } } });
  });`);
  planner = new WorkerPlanner(stuck, 200);
  const [slow, quick] = await Promise.all([planner.plan('AAAAA', problem(1)), planner.plan('BBBBB', problem(2))]);
  expect(slow).toMatchObject({ ok: false, error: { code: 'planning-timeout' } });
  expect(messageOf(quick)).toBe('planned');
});

test('a room that asks again and again waits for its turn behind the others', async () => {
  planner = new WorkerPlanner(echo);
  const order: string[] = [];
  const ask = async (room: string, context: number) => {
    if (await planner!.plan(room, problem(context))) order.push(`${room}${context}`);
  };
  const asking = [ask('A', 1), ask('B', 1), ask('C', 1), ask('A', 2), ask('A', 3)];
  await Promise.all(asking);
  expect(order).toEqual(['A1', 'B1', 'C1', 'A3']);
});
