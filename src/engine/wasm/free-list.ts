export interface Span {
  start: number;
  size: number;
}

/** Free spans of an address range: first fit, neighbours joined. Few and large ones make anything cleverer pointless. */
export class FreeList {
  /** By address, none touching the next. */
  private readonly spans: Span[] = [];

  /** Start of `size` bytes, or null when no free span is that long. */
  take(size: number): number | null {
    const index = this.spans.findIndex((span) => span.size >= size);
    const span = this.spans[index];
    if (!span) return null;
    const { start } = span;
    if (span.size === size) this.spans.splice(index, 1);
    else this.spans[index] = { start: start + size, size: span.size - size };
    return start;
  }

  give({ start, size }: Span): void {
    const next = this.spans.findIndex((span) => span.start > start);
    const at = next < 0 ? this.spans.length : next;
    this.spans.splice(at, 0, { start, size });
    this.joinWithNext(at);
    if (at > 0) this.joinWithNext(at - 1);
  }

  /** How many bytes before `end` are free without a gap: what growing need not add. */
  freeBefore(end: number): number {
    const last = this.spans.at(-1);
    return last && last.start + last.size === end ? last.size : 0;
  }

  private joinWithNext(at: number): void {
    const span = this.spans[at]!;
    const next = this.spans[at + 1];
    if (!next || span.start + span.size !== next.start) return;
    this.spans.splice(at, 2, { start: span.start, size: span.size + next.size });
  }
}
