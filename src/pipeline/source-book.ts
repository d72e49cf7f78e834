import type { PeerId } from '../shared/model/link-profile.ts';
import type { Run } from '../shared/protocol/frame.ts';

/** Conversations that one source may keep at a stage; beyond them the one that was unused for longest is forgotten. */
export const MAX_SEQUENCES = 64;
/** Rows of one source that may wait at a stage: eight frames of 256, and more than the 33 chunks of 32 that a chain of 32 keeps on its way. */
export const MAX_QUEUED_ROWS = 2048;
/** Freed sequences that are remembered: parts of them may still be on their way through the other stages. */
const MAX_FREED = 1024;

interface SourceEntry {
  /** Least recently used first. */
  sequences: Set<number>;
  freed: Set<number>;
  queuedRows: number;
}

/** What a stage keeps for each source, within bounds. */
export class SourceBook {
  private readonly sources = new Map<PeerId, SourceEntry>();

  /** False when the rows would be more than may wait of this source. */
  queue({ source, rows }: Run): boolean {
    const entry = this.entry(source);
    if (entry.queuedRows + rows > MAX_QUEUED_ROWS) return false;
    entry.queuedRows += rows;
    return true;
  }

  done({ source, rows }: Run): void {
    this.entry(source).queuedRows -= rows;
  }

  /** Notes that a sequence is in use. @returns the one that has to give way, if any */
  use({ source, sequence }: Run): number | null {
    const { sequences } = this.entry(source);
    sequences.delete(sequence);
    sequences.add(sequence);
    if (sequences.size <= MAX_SEQUENCES) return null;
    const [oldest] = sequences;
    sequences.delete(oldest!);
    return oldest!;
  }

  /** Whatever still comes of the sequence is too late: a source never uses a number twice. */
  free(source: PeerId, sequence: number): void {
    const { sequences, freed } = this.entry(source);
    sequences.delete(sequence);
    freed.add(sequence);
    const [oldest] = freed;
    if (freed.size > MAX_FREED) freed.delete(oldest!);
  }

  isFreed({ source, sequence }: Run): boolean {
    return this.sources.get(source)?.freed.has(sequence) ?? false;
  }

  sequencesOf(source: PeerId): number[] {
    return [...(this.sources.get(source)?.sequences ?? [])];
  }

  private entry(source: PeerId): SourceEntry {
    const known = this.sources.get(source);
    if (known) return known;
    const entry = { sequences: new Set<number>(), freed: new Set<number>(), queuedRows: 0 };
    this.sources.set(source, entry);
    return entry;
  }
}
