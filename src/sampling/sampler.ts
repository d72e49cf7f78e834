import { AppError } from '../shared/errors.ts';
import type { HeadRow } from '../shared/model/head-row.ts';
import { type Candidates, candidatesOf, SUM_RELATIVE_ERROR, type VocabularySizes } from './candidates.ts';
import { adjustment } from './penalties.ts';
import { randomAt } from './random.ts';
import { inverseTemperature, type SamplingSettings } from './settings.ts';

/** Either a token, or what must be asked for to choose one. */
export type Sampled = { token: number } | { need: 'full-row' };

export interface SampleInput {
  row: HeadRow;
  /** The ids that were asked for beside the largest: `wantIds` of the same history and settings. */
  wanted: Uint32Array;
  /** The tokens that penalties look at, as the caller understands them. */
  history: readonly number[];
  settings: SamplingSettings;
  sizes: VocabularySizes;
  /** Which draw of the seed this is: the index of the token in its answer. */
  drawIndex: number;
}

/** How far `exp(scaledLogSumExp)` may be off by the rounding of the logarithm itself. */
const LOG_RELATIVE_ERROR = 2 ** -21;

/**
 * Chooses the token that sampling from the whole vocabulary would choose with the same draw: temperature, then the
 * nucleus (Holtzman et al. 2020), both after penalties and bias. What the head left out is known only as a range of
 * probability; if the choice is not the same at both ends of the range, the full row is needed.
 *
 * Rows of the head that are no tokens (`sizes`) are never chosen and have no share, whatever their logits. The head's sums cover
 * them: those among the known logits are taken off exactly, those that are not widen the range, and where they leave the choice
 * open, or no token is known, the full row is needed and is summed without them.
 *
 * @throws AppError stage-failed when the head's reply is not usable
 */
export function sample({ row, wanted, history, settings, sizes, drawIndex }: SampleInput): Sampled {
  const candidates = candidatesOf(row, wanted, sizes, adjustment(history, settings));
  const isKnown = candidates.known.length > 0;
  const index = !isKnown
    ? null
    : settings.temperature === 0
      ? 0
      : draw(candidates, row, settings, randomAt(settings.seed, drawIndex));
  if (index !== null && index < candidates.certain) return { token: candidates.known[index]!.id };
  if (row.logits) throw new AppError('stage-failed', 'the logits of the whole vocabulary leave no token to choose');
  return { need: 'full-row' };
}

function draw(candidates: Candidates, row: HeadRow, settings: SamplingSettings, uniform: number): number | null {
  const invTemperature = inverseTemperature(settings);
  const reference = candidates.known[0]!.logit;
  const weightOf = (logit: number) => Math.exp((logit - reference) * invTemperature);
  const sums: number[] = [];
  let knownSum = 0;
  for (const { logit } of candidates.known) {
    knownSum += weightOf(logit);
    sums.push(knownSum);
  }
  // A head whose sum is no number has its full row to decide.
  if (candidates.unknownCount > 0 && Number.isNaN(row.scaledLogSumExp)) return null;
  const [least, most] = unknownWeight(candidates, row.scaledLogSumExp, invTemperature, weightOf);
  const choose = (unknown: number) => choice(sums, candidates.certain, knownSum + unknown, settings.topP, uniform);
  // More unknown weight moves the choice only ever further down the list: equal at both ends is equal in between.
  const chosen = choose(least);
  return chosen === choose(most) ? chosen : null;
}

/** Least and most that the ids weigh together whose logits are not known. */
function unknownWeight(
  { known, unknownCount, unknownLimit, paddingLogits, unknownPadding }: Candidates,
  scaledLogSumExp: number,
  invTemperature: number,
  weightOf: (logit: number) => number,
): [least: number, most: number] {
  if (unknownCount === 0) return [0, 0];
  const limit = unknownCount * weightOf(unknownLimit);
  const whole = weightOf(scaledLogSumExp / invTemperature);
  const error = whole * (SUM_RELATIVE_ERROR + Math.abs(scaledLogSumExp) * LOG_RELATIVE_ERROR);
  const sumOf = (logits: readonly number[]) => logits.reduce((sum, logit) => sum + weightOf(logit), 0);
  const rest = whole - sumOf(known.map(({ rawLogit }) => rawLogit)) - sumOf(paddingLogits);
  // What padding or a bias keeps from being chosen may outweigh the best candidate beyond all numbers.
  if (!Number.isFinite(rest)) return [0, limit];
  const padding = unknownPadding * weightOf(unknownLimit);
  return [Math.min(limit, Math.max(0, rest - error - padding)), Math.min(limit, Math.max(0, rest + error))];
}

/**
 * Index into the list of candidates, or null when the choice lies beyond those that are certain.
 *
 * @param sums running sums of the candidates' weights
 * @param total of all weights, unknown ones included
 */
function choice(sums: readonly number[], certain: number, total: number, topP: number, uniform: number): number | null {
  const knownSum = sums.at(-1)!;
  // Without a nucleus the last candidate ends it, unless there are unknown ids behind.
  const nucleusEnd = topP < 1 ? sums.findIndex((sum) => sum >= topP * total) : sums.indexOf(knownSum);
  if (nucleusEnd < 0 || (topP < 1 && nucleusEnd >= certain)) return null;
  const mass = topP < 1 ? sums[nucleusEnd]! : total;
  const index = sums.findIndex((sum) => sum > uniform * mass);
  const isUnknown = topP >= 1 && total > knownSum && index < 0;
  // Rounding may put uniform * mass at the end of the nucleus, which is its last member.
  const chosen = index < 0 ? nucleusEnd : Math.min(index, nucleusEnd);
  return isUnknown || chosen >= certain ? null : chosen;
}
