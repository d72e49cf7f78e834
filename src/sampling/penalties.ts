import type { SamplingSettings } from './settings.ts';

/** Ids whose logits the settings change, ascending: the head must be asked for them. history: the tokens to penalise. */
export function wantIds(history: readonly number[], settings: SamplingSettings): Uint32Array {
  const ids = new Set(settings.logitBias.keys());
  if (hasPenalty(settings)) for (const id of history) ids.add(id);
  return Uint32Array.from(ids).sort();
}

function hasPenalty({ repetitionPenalty, presencePenalty, frequencyPenalty }: SamplingSettings): boolean {
  return repetitionPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0;
}

/** From the model's logit of an id to the one that is sampled from: repetition, then presence and frequency, then bias. */
export function adjustment(history: readonly number[], settings: SamplingSettings): (id: number, logit: number) => number {
  const counts = new Map<number, number>();
  if (hasPenalty(settings)) for (const id of history) counts.set(id, (counts.get(id) ?? 0) + 1);
  return (id, logit) => {
    const count = counts.get(id) ?? 0;
    let adjusted = logit;
    if (count > 0) {
      adjusted = logit > 0 ? logit / settings.repetitionPenalty : logit * settings.repetitionPenalty;
      adjusted -= settings.presencePenalty + count * settings.frequencyPenalty;
    }
    return adjusted + (settings.logitBias.get(id) ?? 0);
  };
}
