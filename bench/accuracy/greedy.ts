import { type Float64Model, float64Logits } from './float64.ts';

/** Between two ways of computing the same file, only tokens whose logits are closer than this may part. */
export const NEAR_TIE = 1e-3;

/** What our continuations are compared with. */
export const REFERENCES = {
  /** The largest logit in float64, after the tokens that we chose. */
  float64: 'float64',
  /** On the file as it is: its own arithmetic on quantised blocks included, which rounds activations to 8 bits. KV in float32. */
  llama: 'llama.cpp',
  /** On the float weights that the blocks stand for, where llama.cpp and PyTorch agree on every token. KV in float32. */
  expanded: 'llama.cpp on expanded weights',
};

/** Where a continuation of ours first differs from another one. */
export interface Parting {
  /** Index in the continuation. */
  token: number;
  /** Largest minus second largest float64 logit there. */
  exactGap: number;
  /** Whose token float64 takes. */
  exactTakes: 'ours' | 'theirs' | 'neither';
}

export interface GreedyPrompt {
  prompt: string;
  /** By name of the reference; null where all tokens are equal. */
  partings: Record<string, Parting | null>;
}

/** Continuations of all prompts by one engine. */
export interface EngineGreedy {
  engine: string;
  prompts: GreedyPrompt[];
}

/** Partings that no near-tie excuses. */
export function realPartings(prompts: readonly GreedyPrompt[], reference: string): Parting[] {
  return prompts.flatMap(({ partings }) => partings[reference] ?? []).filter(({ exactGap }) => exactGap >= NEAR_TIE);
}

/** What float64 says of one token of a continuation. */
interface Choice {
  id: number;
  gap: number;
}

/** Float64's choice at each token of `continuation`, given all tokens before it. */
export function exactChoices(model: Float64Model, promptIds: readonly number[], continuation: readonly number[]): Choice[] {
  const { vocabSize } = model.spec;
  const logits = float64Logits(model, [...promptIds, ...continuation.slice(0, -1)]);
  return continuation.map((_, i) => {
    const row = promptIds.length - 1 + i;
    return choiceOf(logits.subarray(row * vocabSize, (row + 1) * vocabSize));
  });
}

function choiceOf(logits: Float64Array): Choice {
  let id = 0;
  let second = Number.NEGATIVE_INFINITY;
  for (let i = 1; i < logits.length; i++) {
    if (logits[i]! > logits[id]!) {
      second = logits[id]!;
      id = i;
    } else second = Math.max(second, logits[i]!);
  }
  return { id, gap: logits[id]! - second };
}

/** @param choices of float64 along `ours` */
export function firstParting(choices: readonly Choice[], ours: readonly number[], theirs: readonly number[]): Parting | null {
  const token = ours.findIndex((id, i) => id !== theirs[i]);
  if (token < 0) return null;
  const { id, gap } = choices[token]!;
  const exactTakes = id === ours[token] ? 'ours' : id === theirs[token] ? 'theirs' : 'neither';
  return { token, exactGap: gap, exactTakes };
}
