import { type Merge, MergeHeap } from './merge-heap.ts';
import type { Vocabulary } from './vocabulary.ts';

/** What merging needs of a vocabulary. */
export type Pieces = Pick<Vocabulary, 'scores' | 'byteIds'> & { idByPiece: Pick<ReadonlyMap<string, number>, 'get'> };

const utf8 = new TextEncoder();

/**
 * Text to token ids as SentencePiece's BPE does it (Kudo and Richardson 2018; Sennrich et al. 2016): starting from single
 * characters, the neighbours that together are the token with the highest score are merged, leftmost first, until no
 * neighbours are a token. Characters that are no token become their UTF-8 bytes' tokens.
 *
 * Takes O(n log n): neighbours wait in a heap, and symbols are a linked list.
 *
 * @param text well-formed, spaces written as U+2581
 */
export function spmEncode(text: string, vocabulary: Pieces): number[] {
  const symbols = new SymbolList(text, vocabulary);
  symbols.mergeAll();
  const ids: number[] = [];
  for (const piece of symbols.pieces()) {
    const id = vocabulary.idByPiece.get(piece);
    if (id !== undefined) ids.push(id);
    else for (const byte of utf8.encode(piece)) ids.push(vocabulary.byteIds[byte]!);
  }
  return ids;
}

/** Consecutive pieces of a text. A symbol that was merged into its left neighbour keeps its number and has length 0. */
class SymbolList {
  private readonly text: string;
  private readonly vocabulary: Pieces;
  private readonly heap = new MergeHeap();
  /** Per symbol: where it starts in the text, its length in UTF-16 units, its neighbours or -1. */
  private readonly start: Int32Array;
  private readonly length: Int32Array;
  private readonly previous: Int32Array;
  private readonly next: Int32Array;

  constructor(text: string, vocabulary: Pieces) {
    this.text = text;
    this.vocabulary = vocabulary;
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

  *pieces(): Generator<string> {
    for (let i = this.start.length > 0 ? 0 : -1; i >= 0; i = this.next[i]!) {
      yield this.text.slice(this.start[i]!, this.start[i]! + this.length[i]!);
    }
  }

  private propose(left: number, right: number): void {
    if (left < 0 || right < 0) return;
    const length = this.length[left]! + this.length[right]!;
    const id = this.vocabulary.idByPiece.get(this.text.slice(this.start[left]!, this.start[left]! + length));
    if (id !== undefined) this.heap.push({ score: this.vocabulary.scores[id]!, left, right, length });
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
