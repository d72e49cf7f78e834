import type { EngineOptions } from '../shard-engine.ts';
import { BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { BAR_WORDS, CANDIDATE_WORDS, GROUP_WORDS } from './kernels/head.ts';

/** Most rows that run through the layers together. */
export const MAX_CHUNK_ROWS = 64;
/** Rows whose logits are computed together. */
export const HEAD_ROWS = 8;
/** Distance between two runs in the uniform that dynamic offsets point into, bytes. */
export const RUN_STRIDE_BYTES = 256;
const MAX_SCORE_BYTES = 32 * 1024 * 1024;

/** Buffers between the kernels. They live as long as the engine, so that bind groups are made once. */
export interface Scratch {
  /** Rows that every buffer has room for. */
  chunkRows: number;
  hidden: GPUBuffer; // (chunkRows, dim)
  normed: GPUBuffer; // (chunkRows, dim)
  qkv: GPUBuffer; // (chunkRows, heads of q, k and v, headDim)
  angles: GPUBuffer; // (chunkRows, ropeDim / 2) of cosine, sine
  scores: GPUBuffer; // (chunkRows, nHeads, contextLength), or nothing
  mixed: GPUBuffer; // (chunkRows, nHeads, headDim)
  gateUp: GPUBuffer; // (chunkRows, 2 * ffnDim)
  activated: GPUBuffer; // (chunkRows, ffnDim)
  ids: GPUBuffer; // (chunkRows)
  tokens: GPUBuffer; // uniform: rows of this chunk
  runs: GPUBuffer; // uniform: one run of a sequence every RUN_STRIDE_BYTES
  headHidden: GPUBuffer; // (HEAD_ROWS, dim)
  headNormed: GPUBuffer; // (HEAD_ROWS, dim)
  logits: GPUBuffer; // (HEAD_ROWS, vocabSize)
  groups: GPUBuffer; // (HEAD_ROWS, HEAD_GROUPS) of vec4f
  bars: GPUBuffer; // (HEAD_ROWS) of bar, count
  candidates: GPUBuffer; // (HEAD_ROWS, HEAD_CANDIDATES) of id, logit
  headTokens: GPUBuffer; // uniform: HEAD_ROWS; rows beyond those asked for are computed or not, and never read
  headOptions: GPUBuffer; // uniform: inverse temperature
  destroy(): void;
}

/** @throws AppError out-of-memory, device-lost */
export async function createScratch(gpu: GpuContext, { spec, contextLength }: EngineOptions): Promise<Scratch> {
  const { dim, nHeads, nKvHeads, headDim, ropeDim, ffnDim, vocabSize } = spec;
  // Flash attention keeps its scores to itself.
  const scoreBytesPerRow = gpu.variant.rows === 'serial' ? 4 * nHeads * contextLength : 0;
  const chunkRows = Math.max(1, Math.min(MAX_CHUNK_ROWS, Math.floor(MAX_SCORE_BYTES / scoreBytesPerRow)));
  const values = (perRow: number) => storage(4 * chunkRows * perRow);
  const headValues = (perRow: number) => storage(4 * HEAD_ROWS * perRow);
  const buffers = await createBuffers(gpu, 'working memory', {
    hidden: values(dim),
    normed: values(dim),
    qkv: values((nHeads + 2 * nKvHeads) * headDim),
    angles: values(ropeDim),
    scores: storage(chunkRows * scoreBytesPerRow),
    mixed: values(nHeads * headDim),
    gateUp: values(2 * ffnDim),
    activated: values(ffnDim),
    ids: values(1),
    tokens: uniform(16),
    runs: uniform(chunkRows * RUN_STRIDE_BYTES),
    headHidden: headValues(dim),
    headNormed: headValues(dim),
    logits: headValues(vocabSize),
    groups: headValues(GROUP_WORDS),
    bars: headValues(BAR_WORDS),
    candidates: headValues(CANDIDATE_WORDS),
    headTokens: uniform(16),
    headOptions: uniform(16),
  });
  gpu.device.queue.writeBuffer(buffers.headTokens, 0, Uint32Array.of(HEAD_ROWS));
  const destroy = () => {
    for (const buffer of Object.values(buffers)) buffer.destroy();
  };
  return { chunkRows, ...buffers, destroy };
}

function storage(bytes: number) {
  return { bytes, usage: BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST };
}

function uniform(bytes: number) {
  return { bytes, usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST };
}
