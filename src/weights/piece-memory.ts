/** Held weakly: it serves the next stream that comes before the garbage collector does, and costs an idle worker nothing. */
let spare: WeakRef<ArrayBuffer> | null = null;

/**
 * Memory for pieces of weights, which one stream uses until it gives it back. Each part of a shard has a stream of its own;
 * new memory for each would wait for the garbage collector and count beside the shard.
 *
 * @throws RangeError where there is no memory for so many bytes
 */
export function takeMemory(bytes: number): Uint8Array<ArrayBuffer> {
  const used = spare?.deref();
  spare = null;
  return new Uint8Array(used && used.byteLength >= bytes ? used : new ArrayBuffer(bytes));
}

/** Its content may be overwritten from now on. */
export function giveBackMemory(memory: Uint8Array<ArrayBuffer>): void {
  spare = new WeakRef(memory.buffer);
}
