import type { RangeSource } from './range-source.ts';

/** Keeps ranges of files that were downloaded before. Every method does its best and none throws. */
export interface ShardCache {
  /** Whether the range is probably there. */
  has(source: RangeSource, start: number, end: number): Promise<boolean>;
  /** Fills `into` with the very bytes that were put for this range; false when they are not there. */
  get(source: RangeSource, start: number, into: Uint8Array): Promise<boolean>;
  put(source: RangeSource, start: number, bytes: Uint8Array): Promise<void>;
}
