import { expect, it } from 'vitest';
import { lendShares } from './lend-shares.ts';

const model = {
  nLayers: 8,
  contextLength: 512,
  nKvHeads: 4,
  headDim: 16,
  layerBytes: Array<number>(8).fill(200_000),
  headBytes: 280_000,
};
const layerBytes = 200_000 + 2 * 4 * (2 * 16 + 4) * 512;

it.each([1, 2, 3, 4, 5, 6, 7, 8])('%i donors hold the model together, with room for not one layer more', (donors) => {
  const shares = lendShares(model, donors);
  const layersOf = (lendBytes: number, i: number) =>
    Math.floor((lendBytes - (i === donors - 1 ? model.headBytes : 0)) / layerBytes);
  const layers = shares.map(layersOf);
  expect(layers.reduce((sum, n) => sum + n)).toBe(8);
  expect(Math.min(...layers)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...layers) - Math.min(...layers)).toBeLessThanOrEqual(1);
});
