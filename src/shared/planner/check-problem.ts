import { AppError } from '../errors.ts';
import type { PlanningProblem } from './problem.ts';

/**
 * What no search can compute with is named before any starts.
 *
 * @throws AppError `model-malformed` when sizes of model or context are no numbers, or contradict each other.
 */
export function checkProblem({ spec, contextLength, sequences, sourceLayers }: PlanningProblem): void {
  const { name, nLayers, layerBytes, headBytes, embeddingBytes, dim, nKvHeads, headDim } = spec;
  if (layerBytes.length !== nLayers || nLayers === 0) {
    throw new AppError('model-malformed', `${name} has ${nLayers} layers but sizes of ${layerBytes.length}`);
  }
  const sizes = { headBytes, embeddingBytes, dim, nKvHeads, headDim, contextLength, sequences };
  const all = [...Object.entries(sizes), ...layerBytes.map((bytes, layer) => [`layerBytes[${layer}]`, bytes] as const)];
  const wrong = all.find(([, size]) => !(size >= 0 && Number.isFinite(size)));
  if (wrong) throw new AppError('model-malformed', `${wrong[0]} of ${name} is ${wrong[1]}, which is no size`);
  if (!Number.isInteger(sourceLayers)) {
    throw new AppError('model-malformed', `the sources cannot run ${sourceLayers} layers of ${name}: layers are whole`);
  }
}
