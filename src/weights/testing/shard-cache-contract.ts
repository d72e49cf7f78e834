import { describe, expect, test } from 'vitest';
import { memoryRangeSource, type RangeSource } from '../range-source.ts';
import type { ShardCache } from '../shard-cache.ts';

const BYTES = Uint8Array.from({ length: 5000 }, (_, i) => i * 3);
const START = 4096;
const END = START + BYTES.length;

const source: RangeSource = {
  ...memoryRangeSource(new Uint8Array(0), 1, 'https://models.test/a.gguf'),
  size: 100_000,
  validator: '"1"',
};

/** Declares the tests that every ShardCache passes. @param create an empty one */
export function describeShardCacheContract(name: string, create: () => ShardCache | Promise<ShardCache>): void {
  const got = async (cache: ShardCache, from = source, start = START, length = BYTES.length) => {
    const into = new Uint8Array(length);
    return (await cache.get(from, start, into)) ? into : null;
  };

  describe(`the ${name} cache`, () => {
    test('gives back what was put, to the byte', async () => {
      const cache = await create();
      expect(await cache.has(source, START, END)).toBe(false);
      expect(await got(cache)).toBeNull();
      expect(await cache.put(source, START, BYTES)).toBeNull();
      expect(await cache.has(source, START, END)).toBe(true);
      expect(await got(cache)).toEqual(BYTES);
    });

    test('keeps a copy: its memory may be used for the next piece', async () => {
      const cache = await create();
      const bytes = BYTES.slice();
      await cache.put(source, START, bytes);
      bytes.fill(0);
      expect(await got(cache)).toEqual(BYTES);
    });

    test('keeps the latest of what is put twice', async () => {
      const cache = await create();
      await cache.put(source, START, BYTES.toReversed());
      await cache.put(source, START, BYTES);
      expect(await got(cache)).toEqual(BYTES);
    });

    test('answers only for the very file, version and range', async () => {
      const cache = await create();
      await cache.put(source, START, BYTES);
      expect(await got(cache, { ...source, url: 'https://models.test/b.gguf' })).toBeNull();
      expect(await got(cache, source, START + 1)).toBeNull();
      expect(await got(cache, source, START, BYTES.length - 1)).toBeNull();
      expect(await cache.has(source, START, END - 1)).toBe(false);
      expect(await got(cache, { ...source, size: source.size + 1 })).toBeNull();
    });

    test('gives the room of a version to the next', async () => {
      const cache = await create();
      const next = { ...source, validator: '"2"' };
      await cache.put(source, START, BYTES);
      await cache.put(next, START, BYTES.toReversed());
      expect(await got(cache, next)).toEqual(BYTES.toReversed());
      expect(await got(cache)).toBeNull();
    });

    test('keeps nothing of a file that may change unnoticed', async () => {
      const cache = await create();
      const unnamed = { ...source, validator: null };
      expect(await cache.put(unnamed, START, BYTES)).toBeNull();
      expect(await cache.has(unnamed, START, END)).toBe(false);
      expect(await got(cache, unnamed)).toBeNull();
    });
  });
}
