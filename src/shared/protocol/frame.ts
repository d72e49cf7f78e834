import type { HeadAsk, HeadRow } from '../model/head-row.ts';
import type { PeerId } from '../model/link-profile.ts';
import type { WireDtype } from '../model/wire-dtype.ts';
import { FrameReader, FrameWriter, MAX_FRAME_BYTES, malformed, tooLarge, valuesBytes } from './frame-bytes.ts';

/**
 * The binary messages that carry activations and head replies between devices, version 2. Little-endian; every field is a whole
 * number of four bytes, so that payloads can be read in place. A frame begins with its own length: a link cuts it into fragments and
 * needs to put nothing before it.
 *
 * | forward                                           | reply                                                     |
 * |---------------------------------------------------|-----------------------------------------------------------|
 * | length, version, kind, dtype, epoch               | the same                                                  |
 * | untilLayer, dim, number of runs, heads, steps     | request, dim, number of rows, hidden rows, steps          |
 * | runs: source, request, sequence, position, rows   | rows: logSumExp, scaledLogSumExp, sizes, ids and logits   |
 * | heads: row, fullRow, invTemperature, wanted ids   | steps: peer, digest                                       |
 * | steps: peer, digest                               | hidden (rows, dim)                                        |
 * | hidden (rows, dim)                                |                                                           |
 */
export const FRAME_VERSION = 2;

const KIND_FORWARD = 1;
const KIND_REPLY = 2;
/** Sequences that share a frame, and stages that it passes: more than any room has. */
const MAX_RUNS = 256;
const MAX_STEPS = 64;
/** Whole rows of logits that one frame may ask for: of the largest vocabularies they are some hundred kB each. */
export const MAX_FULL_ROWS = 8;

/** Rows of one sequence that stand next to each other in a frame. */
export interface Run {
  /** Whose sequence this is, and where the reply goes. */
  source: PeerId;
  /** Names the pass to its source; the reply and any error name it. Random, so that nobody else can guess it. */
  request: number;
  sequence: number;
  /** Position of the first row; a stage first forgets what it holds of the sequence from here on. */
  position: number;
  rows: number;
}

/** What a stage says of its own result: devices that run the same layers on the same rows agree in every bit. */
export interface TrailStep {
  peer: PeerId;
  /** 64 bits over the bits of what the stage sent on. */
  digest: bigint;
}

/** Rows of hidden states on their way through the stages. */
export interface ForwardFrame {
  kind: 'forward';
  epoch: number;
  /** Run no layer from this one on: less than the model's layers when only moved layers are being rebuilt. */
  untilLayer: number;
  runs: Run[];
  /** Ascending rows. */
  heads: HeadAsk[];
  /** One step of each stage that the rows have passed. */
  trail: TrailStep[];
  dtype: WireDtype;
  dim: number;
  /** (rows of all runs, dim) */
  hidden: Float32Array;
}

/** What comes back to the source when its rows have passed their last layer. */
export interface ReplyFrame {
  kind: 'reply';
  epoch: number;
  request: number;
  /** One for each row whose logits were asked, where the last stage holds the head. */
  rows: HeadRow[];
  /** Where it does not: the last hidden states of the rows whose logits were asked, (rows, dim). */
  hidden: HiddenRows | null;
  trail: TrailStep[];
}

export interface HiddenRows {
  dtype: WireDtype;
  dim: number;
  /** (rows, dim) */
  values: Float32Array;
}

export type Frame = ForwardFrame | ReplyFrame;

const HEADER_BYTES = 4 * 8;
const RUN_BYTES = 4 * 5;
const ASK_BYTES = 4 * 4;
const STEP_BYTES = 4 * 3;
const ROW_BYTES = 4 * 5;

/** Rows of all runs. */
export function rowsOf(runs: readonly Pick<Run, 'rows'>[]): number {
  return runs.reduce((sum, { rows }) => sum + rows, 0);
}

export function encodeFrame(frame: Frame): ArrayBuffer {
  return frame.kind === 'forward' ? encodeForward(frame) : encodeReply(frame);
}

/** @throws AppError frame-too-large when a frame of this many rows could not be sent. */
function encodeForward(frame: ForwardFrame): ArrayBuffer {
  const { runs, heads, trail, hidden, dtype } = frame;
  const wanted = heads.reduce((sum, { wantIds }) => sum + wantIds.length, 0);
  const bytes = HEADER_BYTES + runs.length * RUN_BYTES + heads.length * ASK_BYTES + 4 * wanted + trail.length * STEP_BYTES;
  const out = new FrameWriter(bytes + valuesBytes(hidden.length, dtype));
  out.start(FRAME_VERSION, KIND_FORWARD, dtype, frame.epoch);
  for (const value of [frame.untilLayer, frame.dim, runs.length, heads.length, trail.length]) out.u32(value);
  for (const { source, request, sequence, position, rows } of runs) {
    for (const value of [source, request, sequence, position, rows]) out.u32(value);
  }
  for (const { row, fullRow, invTemperature, wantIds } of heads) {
    out.u32(row);
    out.u32(fullRow ? 1 : 0);
    out.f32(invTemperature);
    out.u32(wantIds.length);
    out.u32s(wantIds);
  }
  writeTrail(out, trail);
  out.values(hidden, dtype);
  return out.buffer;
}

function encodeReply(frame: ReplyFrame): ArrayBuffer {
  const { rows, hidden, trail } = frame;
  const dtype = hidden?.dtype ?? 'f32';
  const numbers = rows.reduce((sum, row) => sum + 2 * row.topIds.length + row.wantLogits.length + (row.logits?.length ?? 0), 0);
  const bytes = HEADER_BYTES + rows.length * ROW_BYTES + 4 * numbers + trail.length * STEP_BYTES;
  const out = new FrameWriter(bytes + valuesBytes(hidden?.values.length ?? 0, dtype));
  out.start(FRAME_VERSION, KIND_REPLY, dtype, frame.epoch);
  const hiddenRows = hidden ? hidden.values.length / hidden.dim : 0;
  for (const value of [frame.request, hidden?.dim ?? 0, rows.length, hiddenRows, trail.length]) out.u32(value);
  for (const row of rows) {
    out.f32(row.logSumExp);
    out.f32(row.scaledLogSumExp);
    out.u32(row.topIds.length);
    out.u32(row.wantLogits.length);
    out.u32(row.logits?.length ?? 0);
    out.u32s(row.topIds);
    for (const values of [row.topLogits, row.wantLogits, row.logits ?? new Float32Array(0)]) out.f32s(values);
  }
  writeTrail(out, trail);
  if (hidden) out.values(hidden.values, dtype);
  return out.buffer;
}

function writeTrail(out: FrameWriter, trail: readonly TrailStep[]): void {
  for (const { peer, digest } of trail) {
    out.u32(peer);
    out.u64(digest);
  }
}

/**
 * Reads a frame from another device. Arrays are views on `buffer` where the layout allows.
 * @throws AppError frame-malformed with what was got; nothing is allocated by a length that the buffer does not hold.
 */
export function decodeFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength > MAX_FRAME_BYTES) throw tooLarge(buffer.byteLength);
  if (buffer.byteLength < HEADER_BYTES) throw malformed(`${buffer.byteLength} bytes are no frame`);
  const from = new FrameReader(buffer);
  const { version, kind, dtype, epoch } = from.start();
  if (version !== FRAME_VERSION) throw malformed(`version ${version}, this tab speaks ${FRAME_VERSION}: reload the page`);
  if (kind === KIND_FORWARD) return readForward(from, dtype, epoch);
  if (kind === KIND_REPLY) return readReply(from, dtype, epoch);
  throw malformed(`unknown kind ${kind}`);
}

function readForward(from: FrameReader, dtype: WireDtype, epoch: number): ForwardFrame {
  const [untilLayer, dim] = [from.u32(), from.u32()];
  const [nRuns, nHeads, nSteps] = [from.u32(), from.u32(), from.u32()];
  if (nRuns === 0 || nRuns > MAX_RUNS) throw malformed(`${nRuns} sequences, 1 to ${MAX_RUNS} are allowed`);
  from.require(nRuns * RUN_BYTES + nHeads * ASK_BYTES + nSteps * STEP_BYTES);
  const runs = Array.from({ length: nRuns }, () => readRun(from));
  const rows = rowsOf(runs);
  const heads: HeadAsk[] = [];
  for (let i = 0; i < nHeads; i++) heads.push(readAsk(from, rows, heads.at(-1)?.row ?? -1));
  const fullRows = heads.filter(({ fullRow }) => fullRow).length;
  if (fullRows > MAX_FULL_ROWS) throw malformed(`${fullRows} whole rows of logits, at most ${MAX_FULL_ROWS} are allowed`);
  const trail = readTrail(from, nSteps);
  if (dim === 0) throw malformed(`${rows} rows of no values`);
  const hidden = from.values(rows * dim, dtype);
  from.end();
  return { kind: 'forward', epoch, untilLayer, runs, heads, trail, dtype, dim, hidden };
}

function readRun(from: FrameReader): Run {
  const run = { source: from.u32(), request: from.u32(), sequence: from.u32(), position: from.u32(), rows: from.u32() };
  if (run.rows === 0) throw malformed('a sequence without rows');
  return run;
}

function readAsk(from: FrameReader, rows: number, lastRow: number): HeadAsk {
  const row = from.u32();
  if (row >= rows || row <= lastRow) throw malformed(`logits wanted for row ${row} of ${rows}, after row ${lastRow}`);
  const fullRow = from.u32() !== 0;
  const invTemperature = from.f32();
  return { row, wantIds: from.u32s(from.u32()), invTemperature, fullRow };
}

function readReply(from: FrameReader, dtype: WireDtype, epoch: number): ReplyFrame {
  const [request, dim] = [from.u32(), from.u32()];
  const [nRows, nHidden, nSteps] = [from.u32(), from.u32(), from.u32()];
  from.require(nRows * ROW_BYTES + nSteps * STEP_BYTES);
  const rows = Array.from({ length: nRows }, () => readHeadRow(from));
  const trail = readTrail(from, nSteps);
  if (nHidden > 0 !== dim > 0) throw malformed(`${nHidden} rows of ${dim} values`);
  const hidden = nHidden > 0 ? { dtype, dim, values: from.values(nHidden * dim, dtype) } : null;
  from.end();
  return { kind: 'reply', epoch, request, rows, hidden, trail };
}

function readHeadRow(from: FrameReader): HeadRow {
  const [logSumExp, scaledLogSumExp] = [from.f32(), from.f32()];
  const [top, want, vocab] = [from.u32(), from.u32(), from.u32()];
  return {
    logSumExp,
    scaledLogSumExp,
    topIds: from.u32s(top),
    topLogits: from.f32s(top),
    wantLogits: from.f32s(want),
    logits: vocab === 0 ? null : from.f32s(vocab),
  };
}

function readTrail(from: FrameReader, steps: number): TrailStep[] {
  if (steps > MAX_STEPS) throw malformed(`${steps} stages passed, at most ${MAX_STEPS} are allowed`);
  return Array.from({ length: steps }, () => ({ peer: from.u32(), digest: from.u64() }));
}
