import { expect, test } from 'vitest';
import { kvBytesPerTokenAndLayer } from '../../shared/model/model-spec.ts';
import type { ShardEngine } from '../shard-engine.ts';
import { type ContractModel, someTokens } from './contract-models.ts';
import { runWhole } from './contract-runs.ts';

const BLOCK_POSITIONS = 64;

/** What an engine keeps in 16 bits is part of what its device lends: plans count on its size. */
export function describeKvGrowth(model: ContractModel, engine: () => ShardEngine, contextLength: number): void {
  const { spec } = model;
  const plannedBytes = (positions: number) => positions * spec.nLayers * kvBytesPerTokenAndLayer(spec);

  async function kvBytesAfter(start: number, end: number): Promise<number> {
    await runWhole(engine(), model, [{ sequence: 'growing', start, tokens: someTokens(model, end - start) }]);
    return engine().memory().kvBytes;
  }

  test('keys and values grow in blocks, and take what plans count for them', async () => {
    const oneBytes = await kvBytesAfter(0, 1);
    expect(oneBytes).toBe(plannedBytes(BLOCK_POSITIONS));
    expect(await kvBytesAfter(1, BLOCK_POSITIONS)).toBe(oneBytes);
    expect(await kvBytesAfter(BLOCK_POSITIONS, BLOCK_POSITIONS + 1)).toBeGreaterThan(oneBytes);
    const fullBytes = await kvBytesAfter(BLOCK_POSITIONS + 1, contextLength);
    const wholeBlocks = BLOCK_POSITIONS * Math.ceil(contextLength / BLOCK_POSITIONS);
    expect(fullBytes).toBeGreaterThanOrEqual(plannedBytes(contextLength));
    expect(fullBytes).toBeLessThanOrEqual(plannedBytes(wholeBlocks));
    engine().freeSequence('growing');
  });
}
