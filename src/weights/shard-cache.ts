import type { RangeSource } from './range-source.ts';

/** Keeps ranges of files that were downloaded before. Every method does its best and none throws. */
export interface ShardCache {
  /** Whether the range is probably there. */
  has(source: RangeSource, start: number, end: number): Promise<boolean>;
  /** The very bytes that were put, or null. */
  get(source: RangeSource, start: number, end: number): Promise<Uint8Array | null>;
  put(source: RangeSource, start: number, bytes: Uint8Array): Promise<void>;
}
