import { type ModelView, shareBytes } from '../../e2e/tabs.ts';

/**
 * What each of `donors` devices lends so that together they just hold the model: an even part each, and the last one the
 * head as well. Nobody can be left out, so that the demo shows a real split of a model that one device could hold.
 *
 * @returns bytes, one entry a donor
 */
export function lendShares(model: Omit<ModelView, 'name' | 'quantisation' | 'embeddingBytes'>, donors: number): number[] {
  const { nLayers } = model;
  return Array.from({ length: donors }, (_, i) => {
    const layers = Math.floor(((i + 1) * nLayers) / donors) - Math.floor((i * nLayers) / donors);
    return shareBytes(model, layers, i === donors - 1);
  });
}
