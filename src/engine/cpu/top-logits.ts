/**
 * The ids of the `count` largest logits, largest first, the smaller id first among equals. Keeps the best so far in a
 * heap whose root is the worst of them, so most logits are dismissed by one comparison.
 */
export function topIds(logits: Float32Array, count: number): Uint32Array {
  const heap = new Uint32Array(Math.min(count, logits.length));
  const worse = (a: number, b: number) => logits[a]! < logits[b]! || (logits[a]! === logits[b]! && a > b);
  const siftDown = (from: number, size: number) => {
    for (let at = from; ; ) {
      let child = 2 * at + 1;
      if (child >= size) return;
      if (child + 1 < size && worse(heap[child + 1]!, heap[child]!)) child++;
      if (!worse(heap[child]!, heap[at]!)) return;
      swap(heap, at, child);
      at = child;
    }
  };
  for (let id = 0; id < heap.length; id++) heap[id] = id;
  for (let at = heap.length >> 1; at >= 0; at--) siftDown(at, heap.length);
  for (let id = heap.length; id < logits.length; id++) {
    if (!worse(heap[0]!, id)) continue;
    heap[0] = id;
    siftDown(0, heap.length);
  }
  // Taking the worst away again and again leaves them sorted from the end.
  for (let size = heap.length - 1; size > 0; size--) {
    swap(heap, 0, size);
    siftDown(0, size);
  }
  return heap;
}

function swap(values: Uint32Array, a: number, b: number): void {
  const kept = values[a]!;
  values[a] = values[b]!;
  values[b] = kept;
}
