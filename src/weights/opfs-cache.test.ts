import { expect, test } from 'vitest';
import { openOpfsCache } from './opfs-cache.ts';

test('where there is no private file system there is no cache, and no error', async () => {
  expect(await openOpfsCache(new AbortController().signal)).toBeNull();
});
