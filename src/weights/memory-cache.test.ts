import { MemoryCache } from './memory-cache.test-helper.ts';
import { describeShardCacheContract } from './shard-cache-contract.ts';

describeShardCacheContract('in-memory', () => new MemoryCache());
