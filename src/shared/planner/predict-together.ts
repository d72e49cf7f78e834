import type { PeerId } from '../model/link-profile.ts';
import type { Prediction } from '../model/plan.ts';
import { costTables, promptChunks } from './cost.ts';
import type { Part } from './device-part.ts';
import type { PlanningProblem } from './problem.ts';
import { simulate } from './simulate.ts';

/** Tokens of each chat that are played through: by then passes have found their places between each other. */
const TOKENS = 16;

/**
 * Adds what each chat has to wait for a token while all of these sources ask at the same time: played through by the
 * simulator. Left out for a single one, which waits for nobody.
 */
export function withTogether(
  predicted: Prediction,
  problem: PlanningProblem,
  sources: readonly PeerId[],
  head: 'last-stage' | 'source',
  parts: readonly Part[],
): Prediction {
  if (sources.length < 2) return predicted;
  const { msPerToken } = simulate({
    chunk: costTables(problem, sources, { kind: 'chunk', head }),
    token: costTables(problem, sources, { kind: 'token', head }),
    parts,
    sequences: sources.length,
    chunksPerPrompt: promptChunks(problem.promptTokens).chunks,
    tokens: TOKENS,
    bubbles: false,
  });
  return { ...predicted, msPerTokenTogether: msPerToken };
}
