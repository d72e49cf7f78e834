import { type Merge, MergeHeap } from './merge-heap.ts';

/**
 * How much two neighbouring symbols want to become one, text[start, middle) and text[middle, end): the highest first,
 * undefined for never.
 */
export type MergePriority = (text: string, start: number, middle: number, end: number) => number | undefined;

/**
 * Byte-pair encoding (Sennrich et al. 2016): starting from single characters, the neighbours with the highest priority are
 * merged, leftmost first, until none want to be.
 *
 * Takes O(n log n): neighbours wait in a heap, and symbols are a linked list.
 */
export function mergeSymbols(text: string, priority: MergePriority): string[] {
  const symbols = new SymbolList(text, priority);
  symbols.mergeAll();
  return [...symbols.texts()];
}

/** The symbols of a text, one after the other. One that was merged into its left neighbour keeps its number and has length 0. */
class SymbolList {
  private readonly text: string;
  private readonly priority: MergePriority;
  private readonly heap = new MergeHeap();
  /** Per symbol: where it starts in the text, its length in UTF-16 units, its neighbours or -1. */
  private readonly start: Int32Array;
  private readonly length: Int32Array;
  private readonly previous: Int32Array;
  private readonly next: Int32Array;

  constructor(text: string, priority: MergePriority) {
    this.text = text;
    this.priority = priority;
    const characters = [...text];
    const count = characters.length;
    this.start = new Int32Array(count);
    this.length = Int32Array.from(characters, (character) => character.length);
    this.previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    this.next = Int32Array.from({ length: count }, (_, i) => (i + 1 < count ? i + 1 : -1));
    for (let i = 1; i < count; i++) this.start[i] = this.start[i - 1]! + this.length[i - 1]!;
  }

  mergeAll(): void {
    for (let left = 0; left + 1 < this.start.length; left++) this.propose(left, left + 1);
    for (let merge = this.heap.pop(); merge; merge = this.heap.pop()) if (this.isCurrent(merge)) this.apply(merge);
  }

  *texts(): Generator<string> {
    for (let i = this.start.length > 0 ? 0 : -1; i >= 0; i = this.next[i]!) {
      yield this.text.slice(this.start[i]!, this.start[i]! + this.length[i]!);
    }
  }

  private propose(left: number, right: number): void {
    if (left < 0 || right < 0) return;
    const length = this.length[left]! + this.length[right]!;
    const start = this.start[left]!;
    const score = this.priority(this.text, start, this.start[right]!, start + length);
    if (score !== undefined) this.heap.push({ score, left, right, length });
  }

  private isCurrent({ left, right, length }: Merge): boolean {
    return this.length[left]! > 0 && this.length[right]! > 0 && this.length[left]! + this.length[right]! === length;
  }

  private apply({ left, right, length }: Merge): void {
    this.length[left] = length;
    this.length[right] = 0;
    const after = this.next[right]!;
    this.next[left] = after;
    if (after >= 0) this.previous[after] = left;
    this.propose(this.previous[left]!, left);
    this.propose(left, after);
  }
}
