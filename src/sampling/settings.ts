import { AppError } from '../shared/errors.ts';

export interface SamplingSettings {
  /** 0 takes the most likely token. */
  temperature: number;
  /** Draws from the fewest tokens that hold this share of the probability; 1 draws from all. */
  topP: number;
  /** Divides positive and multiplies negative logits of tokens in the history; 1 does nothing (Keskar et al. 2019). */
  repetitionPenalty: number;
  /** Taken off the logit of every token in the history. */
  presencePenalty: number;
  /** Taken off for each time that a token is in the history. */
  frequencyPenalty: number;
  /** Added to the logits of single ids. */
  logitBias: ReadonlyMap<number, number>;
  /** The same seed gives the same draws. */
  seed: number;
}

export const GREEDY: SamplingSettings = {
  temperature: 0,
  topP: 1,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBias: new Map(),
  seed: 0,
};

/** @throws AppError bad-message for a value outside its range */
export function checkSettings(settings: SamplingSettings, vocabSize: number): void {
  checkRange('temperature', settings.temperature, 0, 100);
  checkRange('topP', settings.topP, 0, 1);
  checkRange('repetitionPenalty', settings.repetitionPenalty, 0.01, 100);
  checkRange('presencePenalty', settings.presencePenalty, -100, 100);
  checkRange('frequencyPenalty', settings.frequencyPenalty, -100, 100);
  checkRange('seed', settings.seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  for (const [id, bias] of settings.logitBias) {
    checkRange('an id with a bias', id, 0, vocabSize - 1);
    if (!Number.isInteger(id)) throw new AppError('bad-message', `an id with a bias is ${id}, which is not whole`);
    checkRange(`the bias of ${id}`, bias, -1000, 1000);
  }
}

function checkRange(what: string, value: number, least: number, most: number): void {
  if (!(value >= least && value <= most))
    throw new AppError('bad-message', `${what} is ${value}, allowed are ${least} to ${most}`);
}

/** Colder is no different from 0, and would leave the range of float32. */
const COLDEST = 1e-6;

/** 1 / temperature, which the head needs for `scaledLogSumExp`; 1 for greedy. */
export function inverseTemperature({ temperature }: SamplingSettings): number {
  return temperature > 0 ? 1 / Math.max(temperature, COLDEST) : 1;
}
