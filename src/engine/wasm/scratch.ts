import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { Heap } from './heap.ts';
import type { Address } from './kernels.ts';

/** Room for what a forward computes on the way, used again by each layer. */
export interface Scratch {
  hidden: Address; // (rows, dim)
  normed: Address; // (rows, dim)
  delta: Address; // (rows, dim)
  queries: Address; // (rows, nHeads * headDim)
  attended: Address; // (rows, nHeads * headDim)
  keys: Address; // (rows, nKvHeads * headDim)
  values: Address; // (rows, nKvHeads * headDim)
  gate: Address; // (rows, ffnDim)
  up: Address; // (rows, ffnDim)
  logits: Address; // (headRows, vocabSize)
  kvBlocks: Address; // addresses of the blocks of each run's sequence
}

export interface ScratchShape {
  spec: ModelSpec;
  rows: number;
  headRows: number;
  /** Of all runs' sequences. */
  kvBlocks: number;
}

/** @throws AppError out-of-memory */
export function allocateScratch(heap: Heap, shape: ScratchShape): Scratch {
  const scratch: Partial<Scratch> = {};
  try {
    for (const [name, bytes] of Object.entries(scratchBytes(shape))) scratch[name as keyof Scratch] = heap.allocate(bytes);
  } catch (error) {
    releaseScratch(heap, scratch);
    throw error;
  }
  return scratch as Scratch;
}

export function releaseScratch(heap: Heap, scratch: Partial<Scratch>): void {
  for (const address of Object.values(scratch)) heap.release(address);
}

function scratchBytes({ spec, rows, headRows, kvBlocks }: ScratchShape): Record<keyof Scratch, number> {
  const dimBytes = rows * spec.dim * 4;
  const queryDim = spec.nHeads * spec.headDim;
  const kvRowsBytes = rows * spec.nKvHeads * spec.headDim * 4;
  const ffnBytes = rows * spec.ffnDim * 4;
  return {
    hidden: dimBytes,
    normed: dimBytes,
    delta: dimBytes,
    queries: rows * queryDim * 4,
    attended: rows * queryDim * 4,
    keys: kvRowsBytes,
    values: kvRowsBytes,
    gate: ffnBytes,
    up: ffnBytes,
    logits: headRows * spec.vocabSize * 4,
    kvBlocks: kvBlocks * 4,
  };
}
