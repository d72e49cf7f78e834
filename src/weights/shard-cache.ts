import type { RangeSource } from './range-source.ts';

/** Keeps ranges of files that were downloaded before. Every method does its best and none throws. */
export interface ShardCache {
  /** Whether the range is probably there. */
  has(source: RangeSource, start: number, end: number): Promise<boolean>;
  /** Fills `into` with the very bytes that were put for this range; false when they are not there. */
  get(source: RangeSource, start: number, into: Uint8Array): Promise<boolean>;
  /** Null, unless there was no space and none could be made. What is wrong otherwise nobody can mend, and is not told. */
  put(source: RangeSource, start: number, bytes: Uint8Array): Promise<Shortage | null>;
}

/** A range could not be kept. */
export interface Shortage {
  neededBytes: number;
  /** What the browser still has for this site. */
  freeBytes: number;
}
