import { checkRange } from '../gguf/byte-source.ts';
import type { RangeSource } from './range-source.ts';

interface Stretch {
  source: RangeSource;
  start: number;
  end: number;
}

/** Files that stand one after the other, as one. */
export function joinSources(sources: readonly [RangeSource, ...RangeSource[]]): RangeSource {
  return sources.length === 1 ? sources[0] : new JoinedSource(sources);
}

class JoinedSource implements RangeSource {
  readonly url: string;
  readonly size: number;
  /** Null as soon as one file has none. */
  readonly validator: string | null;
  private readonly sources: readonly RangeSource[];

  constructor(sources: readonly [RangeSource, ...RangeSource[]]) {
    const validators = sources.map(({ validator }) => validator);
    this.sources = sources;
    this.url = sources[0].url;
    this.size = sources.reduce((sum, { size }) => sum + size, 0);
    this.validator = validators.includes(null) ? null : JSON.stringify(validators);
  }

  async read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
    checkRange(this, start, end);
    const bytes = new Uint8Array(end - start);
    let at = 0;
    for (const stretch of this.stretches(start, end)) {
      bytes.set(await stretch.source.read(stretch.start, stretch.end, signal), at);
      at += stretch.end - stretch.start;
    }
    return bytes;
  }

  async *stream(start: number, end: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    checkRange(this, start, end);
    for (const stretch of this.stretches(start, end)) yield* stretch.source.stream(stretch.start, stretch.end, signal);
  }

  /** The ranges of single files that make up a range of all. */
  private stretches(start: number, end: number): Stretch[] {
    let offset = 0;
    const stretches = this.sources.map((source) => {
      const stretch = { source, start: Math.max(0, start - offset), end: Math.min(source.size, end - offset) };
      offset += source.size;
      return stretch;
    });
    return stretches.filter((stretch) => stretch.start < stretch.end);
  }
}
