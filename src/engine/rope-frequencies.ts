import type { ModelSpec } from '../shared/model/model-spec.ts';

/**
 * Angle by which each pair of a head turns from one position to the next, radians, (ropeDim / 2):
 * theta^(-2i / ropeDim) / factor (Su et al. 2021, "RoFormer"; the factors stretch the context beyond what was trained first).
 */
export function ropeFrequencies({ ropeDim, ropeTheta, ropeFactors }: ModelSpec): Float64Array {
  return Float64Array.from({ length: ropeDim / 2 }, (_, i) => ropeTheta ** ((-2 * i) / ropeDim) / (ropeFactors?.[i] ?? 1));
}
