import { afterEach, expect, test } from 'vitest';
import type { PlanningProblem } from '../src/shared/planner/problem.ts';
import { PLANNING_LIMIT_MS, WorkerPlanner } from './planner-runner.ts';
import { TestClock } from './test-clock.ts';
import { tinySpec } from './test-room.ts';

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

/** Computes for ever on a context of 1, and answers any other. */
const stuckOnOne = script(`parentPort.on('message', ({ id, problem }) => {
  while (problem.contextLength === 1);
  parentPort.postMessage({ id, result: { ok: false, error: { code: 'no-path', message: String(problem.contextLength) } } });
});`);

test('a request that takes longer than the limit fails with planning-timeout, and a new worker serves the next', async () => {
  const clock = new TestClock();
  planner = new WorkerPlanner(stuckOnOne, PLANNING_LIMIT_MS, clock);
  const [stuck, next] = [planner.plan('AAAAA', problem(1)), planner.plan('BBBBB', problem(2))];
  await clock.advance(PLANNING_LIMIT_MS);
  expect(await stuck).toMatchObject({ ok: false, error: { code: 'planning-timeout' } });
  expect(messageOf(await next)).toBe('2');
  // The limit of a request that was answered is over with it.
  const later = planner.plan('AAAAA', problem(3));
  expect(messageOf(await later)).toBe('3');
  await clock.advance(PLANNING_LIMIT_MS);
  expect(messageOf(await planner.plan('AAAAA', problem(4)))).toBe('4');
});

test('a room that asks again with every answer passes none that asked before', async () => {
  planner = new WorkerPlanner(echo);
  const busy = planner;
  const answered: string[] = [];
  const ask = async (code: string) => {
    if (await busy.plan(code, problem(1))) answered.push(code);
  };
  const greedy = async () => {
    while (answered.length < 8) await Promise.all([ask('AAAAA'), ask('AAAAA')]);
  };
  const asking = greedy();
  await Promise.all([ask('BBBBB'), ask('CCCCC')]);
  // Its second request stood in the queue before theirs; none that it makes later passes them.
  expect(answered.slice(0, 4)).toEqual(['AAAAA', 'AAAAA', 'BBBBB', 'CCCCC']);
  await asking;
});

test('closing answers everybody who waits', async () => {
  planner = new WorkerPlanner(script('setInterval(() => {}, 1000);'));
  const waiting = [planner.plan('AAAAA', problem(1)), planner.plan('BBBBB', problem(2))];
  await planner.close();
  expect(await Promise.all(waiting)).toEqual([null, null]);
});
