import { MemoryCache } from './testing/memory-cache.ts';
import { describeShardCacheContract } from './testing/shard-cache-contract.ts';

describeShardCacheContract('in-memory', () => new MemoryCache());
