import type { EngineOptions } from '../shard-engine.ts';
import { BINDING_ALIGN_BYTES, BUFFER_USAGE } from './gpu-constants.ts';
import type { GpuContext } from './gpu-context.ts';
import { createBuffers } from './gpu-memory.ts';
import { RUN_WORDS } from './kernels/attention.ts';
import { BAR_WORDS, CANDIDATE_WORDS, GROUP_WORDS } from './kernels/head.ts';

/** Most rows that run through the layers together. */
export const MAX_CHUNK_ROWS = 64;
/** Rows whose logits are computed together; a multiple of four. */
export const HEAD_ROWS = 8;
/** Distance between two runs, which dynamic offsets point to, bytes. */
export const RUN_STRIDE_BYTES = BINDING_ALIGN_BYTES;
/** Where each of the small inputs of a chunk begins in the one buffer that holds them, in words; ids are MAX_CHUNK_ROWS at most. */
export const INPUT_WORDS = { tokens: 0, headOptions: 64, ids: 128, runs: 192 } as const;
const MAX_SCORE_BYTES = 32 * 1024 * 1024;

/** Buffers between the kernels. They live as long as the engine, so that bind groups are made once. */
export interface Scratch {
  /** Rows that every buffer has memory for. */
  chunkRows: number;
  hidden: GPUBuffer; // (chunkRows, dim)
  normed: GPUBuffer; // (chunkRows, dim)
  qkv: GPUBuffer; // (chunkRows, heads of q, k and v, headDim)
  angles: GPUBuffer; // (chunkRows, ropeDim / 2) of cosine, sine
  scores: GPUBuffer; // (chunkRows, nHeads, contextLength), or nothing
  mixed: GPUBuffer; // (chunkRows, nHeads, headDim)
  gateUp: GPUBuffer; // (chunkRows, 2 * ffnDim)
  activated: GPUBuffer; // (chunkRows, ffnDim)
  inputs: GPUBuffer; // the following four
  tokens: GPUBufferBinding; // uniform: rows of this chunk
  headOptions: GPUBufferBinding; // uniform: (HEAD_ROWS) of inverse temperatures
  ids: GPUBufferBinding; // (chunkRows)
  runs: GPUBufferBinding; // uniform: one run of a sequence every RUN_STRIDE_BYTES
  headHidden: GPUBuffer; // (HEAD_ROWS, dim)
  headNormed: GPUBuffer; // (HEAD_ROWS, dim)
  logits: GPUBuffer; // (HEAD_ROWS, vocabSize)
  groups: GPUBuffer; // (HEAD_ROWS, HEAD_GROUPS) of vec4f
  bars: GPUBuffer; // (HEAD_ROWS) of bar, count
  candidates: GPUBuffer; // (HEAD_ROWS, HEAD_CANDIDATES) of id, logit
  headTokens: GPUBuffer; // uniform: HEAD_ROWS; rows beyond those asked for are computed or not, and never read
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
    inputs: { bytes: inputBytes(chunkRows), usage: BUFFER_USAGE.STORAGE | BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST },
    headHidden: headValues(dim),
    headNormed: headValues(dim),
    logits: headValues(vocabSize),
    groups: headValues(GROUP_WORDS),
    bars: headValues(BAR_WORDS),
    candidates: headValues(CANDIDATE_WORDS),
    headTokens: { bytes: 16, usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST },
  });
  gpu.device.queue.writeBuffer(buffers.headTokens, 0, Uint32Array.of(HEAD_ROWS));
  const destroy = () => {
    for (const buffer of Object.values(buffers)) buffer.destroy();
  };
  const input = (name: keyof typeof INPUT_WORDS, words: number) => ({
    buffer: buffers.inputs,
    offset: 4 * INPUT_WORDS[name],
    size: 4 * words,
  });
  return {
    chunkRows,
    ...buffers,
    tokens: input('tokens', 4),
    headOptions: input('headOptions', HEAD_ROWS),
    ids: input('ids', MAX_CHUNK_ROWS),
    runs: input('runs', RUN_WORDS),
    destroy,
  };
}

/** Of the buffer of small inputs. */
export function inputBytes(chunkRows: number): number {
  return 4 * INPUT_WORDS.runs + chunkRows * RUN_STRIDE_BYTES;
}

function storage(bytes: number) {
  return { bytes, usage: BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST };
}
