import type { RangeSource } from '../range-source.ts';
import type { ShardCache } from '../shard-cache.ts';

/** A cache in memory. */
export class MemoryCache implements ShardCache {
  /** Of each file the version that came last. */
  private readonly versions = new Map<string, { version: string; entries: Map<string, Uint8Array> }>();

  async has(source: RangeSource, start: number, end: number): Promise<boolean> {
    return this.entriesOf(source)?.has(`${start}-${end}`) ?? false;
  }

  async get(source: RangeSource, start: number, into: Uint8Array): Promise<boolean> {
    const bytes = this.entriesOf(source)?.get(`${start}-${start + into.length}`);
    if (bytes) into.set(bytes);
    return bytes !== undefined;
  }

  async put(source: RangeSource, start: number, bytes: Uint8Array): Promise<null> {
    this.entriesOf(source)?.set(`${start}-${start + bytes.length}`, bytes.slice());
    return null;
  }

  drop(source: RangeSource, start: number, end: number): void {
    this.entriesOf(source)?.delete(`${start}-${end}`);
  }

  private entriesOf({ url, validator, size }: RangeSource): Map<string, Uint8Array> | null {
    if (validator === null) return null;
    const version = `${size} ${validator}`;
    let kept = this.versions.get(url);
    if (kept?.version !== version) {
      kept = { version, entries: new Map() };
      this.versions.set(url, kept);
    }
    return kept.entries;
  }
}
