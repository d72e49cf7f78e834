import type { ModelView } from '../../e2e/tabs.ts';

type Sizes = Pick<ModelView, 'nLayers' | 'nKvHeads' | 'headDim' | 'layerBytes' | 'headBytes'>;

/**
 * What each of `donors` devices lends so that together they just hold the model: an even part each, and the last one the
 * head as well. Nobody can be left out, so that the demo shows a real split of a model that one device could hold.
 *
 * @returns bytes, one entry a donor
 */
export function lendShares(
  { nLayers, nKvHeads, headDim, layerBytes, headBytes }: Sizes,
  contextLength: number,
  donors: number,
): number[] {
  const kvBytes = 2 * 2 * nKvHeads * headDim * contextLength;
  const largestLayerBytes = Math.max(...layerBytes) + kvBytes;
  return Array.from({ length: donors }, (_, i) => {
    const layers = Math.floor(((i + 1) * nLayers) / donors) - Math.floor((i * nLayers) / donors);
    return layers * largestLayerBytes + (i === donors - 1 ? headBytes : 0);
  });
}
