/** Two neighbouring symbols that together are a token. */
export interface Merge {
  score: number;
  /** Index of the left symbol. */
  left: number;
  right: number;
  /** UTF-16 units of both when this was found; another length means that one of them has been merged since. */
  length: number;
}

/** A binary heap: the highest score first, the leftmost among equals. */
export class MergeHeap {
  private readonly items: Merge[] = [];

  push(merge: Merge): void {
    const { items } = this;
    let at = items.push(merge) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(merge, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = merge;
  }

  pop(): Merge | undefined {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (last && items.length > 0) this.sink(last);
    return first;
  }

  /** Puts an item where the first one was and moves it down to its place. */
  private sink(merge: Merge): void {
    const { items } = this;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && isBefore(items[child + 1]!, items[child]!)) child++;
      if (!isBefore(items[child]!, merge)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = merge;
  }
}

function isBefore(a: Merge, b: Merge): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
