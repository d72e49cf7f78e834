import { describe, expect, test } from 'vitest';
import { costTables, promptChunks } from './cost.ts';
import { planRoom } from './plan.ts';
import type { PlanningProblem } from './problem.ts';
import { type Simulated, type Simulation, simulate } from './simulate.ts';
import { solve } from './solve.ts';
import { predictIn, settingOf } from './solver-setting.ts';
import { allLinks, device, link, problem } from './testing/problem.ts';
import { randomRoom } from './testing/random-room.ts';

function simulatedPlan(asked: PlanningProblem, run: Partial<Simulation>) {
  const setting = settingOf(asked, asked.sources, 'last-stage');
  const solution = solve(setting.tables, setting.goal);
  if (!solution) return null;
  const token = costTables(asked, asked.sources, { kind: 'token', head: 'last-stage' });
  const chunk = costTables(asked, asked.sources, { kind: 'chunk', head: 'last-stage' });
  const { chunks } = promptChunks(asked.promptTokens);
  const simulation = {
    token,
    chunk,
    parts: solution.parts,
    sequences: 1,
    chunksPerPrompt: chunks,
    tokens: 4,
    bubbles: false,
    ...run,
  };
  return { predicted: predictIn(setting, solution.parts)!, simulated: simulate(simulation) };
}

/** Rooms take a second, but a busy machine takes its time. */
const TIMEOUT_MS = 60_000;

const within = (part: number, a: number, b: number) => expect(Math.abs(a / b - 1)).toBeLessThan(part);

test('a plan for several chats says what each waits for while all of them ask', () => {
  const asked = problem({ devices: [device(1, 10, 250), device(2, 8, 1e6)], sources: [8, 9], links: allLinks([1, 2, 8, 9]) });
  for (const sources of [[8], [8, 9]]) {
    const result = planRoom({ ...asked, sources, concurrentSequences: sources.length });
    if (!result.ok) throw new Error(result.error.message);
    const { msPerToken, msPerTokenTogether, tokensPerSecond } = result.layout.predicted;
    if (sources.length === 1) expect(msPerTokenTogether).toBeUndefined();
    else within(0.01, (1000 * sources.length) / msPerTokenTogether!, tokensPerSecond);
    expect(msPerTokenTogether ?? msPerToken).toBeGreaterThanOrEqual(msPerToken * 0.999);
  }
});

describe('what is predicted is what comes out when it is played through', () => {
  const rooms = [...Array(60).keys()].map((i) => ({
    seed: i + 1,
    devices: 2 + (i % 6),
    layers: 4 + (i % 9),
    room: [1.3, 2, 4][i % 3]!,
    isUneven: i % 4 < 2,
  }));

  test('ms per token of one chat, and the time to its first token', { timeout: TIMEOUT_MS }, () => {
    for (const shape of rooms) {
      for (const objective of ['latency', 'first-token'] as const) {
        const played = simulatedPlan(randomRoom({ ...shape, objective }), {});
        if (!played) continue;
        within(0.01, played.simulated.msPerToken, played.predicted.msPerToken);
        within(0.01, played.simulated.firstTokenMs[0]!, played.predicted.firstTokenMs);
      }
    }
  });

  test('tokens per second of several chats at once', { timeout: TIMEOUT_MS }, () => {
    for (const shape of rooms) {
      const asked = randomRoom({ ...shape, objective: 'throughput' });
      const played = simulatedPlan(asked, { sequences: asked.concurrentSequences, chunksPerPrompt: 1, tokens: 200 });
      if (played) within(0.01, played.simulated.tokensPerSecond, played.predicted.tokensPerSecond);
    }
  });
});

describe('bubbles', () => {
  const devices = [1, 2, 3, 4].map((id) => device(id, 5, 200));
  const chain = problem({ devices, links: allLinks([1, 2, 3, 4], 0.2), objective: 'throughput' });
  const run = (bubbles: boolean): Simulated =>
    simulatedPlan(chain, { sequences: 4, tokens: 100, chunksPerPrompt: 1, bubbles })!.simulated;

  test('cost throughput: sequences that wait for each other leave stages idle', () => {
    expect(run(true).tokensPerSecond).toBeLessThan(0.7 * run(false).tokensPerSecond);
    expect(run(true).stageUse[0]!).toBeLessThan(run(false).stageUse[0]!);
  });

  test('are none with a single sequence', () => {
    const alone = (bubbles: boolean) => simulatedPlan(chain, { tokens: 50, bubbles })!.simulated.msPerToken;
    expect(alone(true)).toBeCloseTo(alone(false), 9);
  });
});

test('a message on its way leaves the link free for the next one', () => {
  // 100 ms there and back, but no bits to speak of: eight sequences share one slow way without waiting for each other.
  const asked = problem({ devices: [device(1, 1, 1e6)], links: [link(1, 9, 100)], sources: [9], objective: 'throughput' });
  const played = simulatedPlan(asked, { sequences: 8, tokens: 200, chunksPerPrompt: 1 })!;
  within(0.01, played.simulated.tokensPerSecond, 8000 / 104);
});
