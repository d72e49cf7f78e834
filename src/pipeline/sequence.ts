import { PREFILL_CHUNK_ROWS } from '../shared/model/limits.ts';
import type { Plan } from '../shared/model/plan.ts';
import { movedUntil } from './served-plans.ts';

/** What a source knows of one of its sequences: the tokens that the stages have seen, and where. */
export interface SequenceState {
  /** Tokens whose keys and values the stages hold, in order. */
  tokens: readonly number[];
  /** The plan whose stages hold them; null before the first. */
  plan: Plan | null;
  /** Layers before this one must run again for all tokens: at least one of them has a new holder. */
  staleUntil: number;
}

export const EMPTY_SEQUENCE: SequenceState = { tokens: [], plan: null, staleUntil: 0 };

/** Tokens to send through the layers before `untilLayer`. */
export interface Pass {
  /** Position of the first token. */
  position: number;
  tokens: readonly number[];
  untilLayer: number;
}

/** The sequence after another plan became active. Nothing is run yet: that happens when the sequence is next used. */
export function underPlan(state: SequenceState, plan: Plan): SequenceState {
  if (state.plan === null || !sameEngines(state.plan, plan)) return { ...EMPTY_SEQUENCE, plan };
  return { ...state, plan, staleUntil: Math.max(state.staleUntil, movedUntil(state.plan, plan)) };
}

/**
 * What has to be run so that the stages have seen `tokens`: known tokens through the layers with a new holder, then the
 * tokens that they have not seen. At least the last token is run, for its logits.
 */
export function passesFor(state: SequenceState, tokens: readonly number[], nLayers: number): Pass[] {
  const known = sharedPrefix(state.tokens, tokens);
  const rebuilt = state.staleUntil === 0 ? [] : passes(tokens.slice(0, known), 0, state.staleUntil);
  return [...rebuilt, ...passes(tokens.slice(known), known, nLayers)];
}

/** Another model or context length makes every device start a new engine: nothing survives that. */
function sameEngines(a: Plan, b: Plan): boolean {
  return a.modelUrl === b.modelUrl && a.contextLength === b.contextLength;
}

function sharedPrefix(seen: readonly number[], tokens: readonly number[]): number {
  const limit = Math.min(seen.length, tokens.length - 1);
  let length = 0;
  while (length < limit && seen[length] === tokens[length]) length++;
  return length;
}

function passes(tokens: readonly number[], position: number, untilLayer: number): Pass[] {
  const cut: Pass[] = [];
  for (let at = 0; at < tokens.length; at += PREFILL_CHUNK_ROWS) {
    cut.push({ position: position + at, tokens: tokens.slice(at, at + PREFILL_CHUNK_ROWS), untilLayer });
  }
  return cut;
}
