import type { EngineOptions } from '../shard-engine.ts';
import type { Heap } from './heap.ts';
import type { Address } from './kernels.ts';
import { tileBytes } from './product-rows.ts';

/** The attention kernel works in fours and so may need room for three more scores than there are positions. */
const SPARE_SCORES = 3;

/** Room of a thread's own. */
export interface Workspace {
  tile: Address; // (TILE_ROWS, columns of the widest matrix): expanded weight rows
  scores: Address; // (positions): what a head makes of them
}

/** For good: the heap goes with its engine. @throws AppError out-of-memory */
export function allocateWorkspace(heap: Heap, { spec, contextLength }: EngineOptions): Workspace {
  const { dim, nHeads, headDim, ffnDim } = spec;
  return {
    tile: heap.allocate(tileBytes(Math.max(dim, nHeads * headDim, ffnDim))),
    scores: heap.allocate((contextLength + SPARE_SCORES) * 4),
  };
}
