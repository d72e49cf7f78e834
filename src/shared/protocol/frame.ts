import { AppError } from '../errors.ts';
import { floatToHalf, halfToFloat } from '../model/float16.ts';
import type { PeerId } from '../model/link-profile.ts';
import { bytesPerValue, WIRE_DTYPES, type WireDtype } from '../model/wire-dtype.ts';

/**
 * The binary messages that carry activations and head replies between devices. Little-endian; every header is a whole
 * number of four bytes, so that payloads can be read in place.
 */

/** Nothing larger crosses a link: a prefill chunk of 128 tokens of a 70B model in f32 has 4 MiB. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024;
export const FRAME_VERSION = 1;

const KIND_FORWARD = 1;
const KIND_REPLY = 2;
const FLAG_FULL_ROW = 1;

/** Rows of hidden states on their way through the stages. */
export interface ForwardFrame {
  kind: 'forward';
  epoch: number;
  /** Whose sequence this is, and where the reply goes. */
  source: PeerId;
  sequence: number;
  /** Counts up per source; the reply and any error name it. */
  request: number;
  /** Position of the first row; a stage first forgets what it holds of the sequence from here on. */
  position: number;
  rows: number;
  /** Logits are wanted for this many of the last rows. */
  headRows: number;
  /** Run no layer from this one on: less than the model's layers when only moved layers are being rebuilt. */
  untilLayer: number;
  fullRow: boolean;
  invTemperature: number;
  wantIds: Uint32Array;
  dtype: WireDtype;
  dim: number;
  /** (rows, dim) */
  hidden: Float32Array;
}

/** What comes back to the source when a forward has passed its last layer. */
export interface ReplyFrame {
  kind: 'reply';
  epoch: number;
  sequence: number;
  request: number;
  rows: ReplyRow[];
}

export interface ReplyRow {
  logSumExp: number;
  scaledLogSumExp: number;
  topIds: Uint32Array;
  topLogits: Float32Array;
  wantLogits: Float32Array;
  /** (vocabSize) if asked. */
  logits: Float32Array | null;
}

export type Frame = ForwardFrame | ReplyFrame;

const VERSION = 0;
const KIND = VERSION + 1;
const DTYPE = KIND + 1;
const FLAGS = DTYPE + 1;
const EPOCH = FLAGS + 1;
const SEQUENCE = EPOCH + 4;
const REQUEST = SEQUENCE + 4;
const COMMON_BYTES = REQUEST + 4;

const SOURCE = COMMON_BYTES;
const POSITION = SOURCE + 4;
const ROWS = POSITION + 4;
const HEAD_ROWS = ROWS + 4;
const UNTIL_LAYER = HEAD_ROWS + 4;
const DIM = UNTIL_LAYER + 4;
const INV_TEMPERATURE = DIM + 4;
const WANT_COUNT = INV_TEMPERATURE + 4;
const FORWARD_HEADER_BYTES = WANT_COUNT + 4;

const REPLY_ROWS = COMMON_BYTES;
const REPLY_TOP = REPLY_ROWS + 4;
const REPLY_WANT = REPLY_TOP + 4;
const REPLY_VOCAB = REPLY_WANT + 4;
const REPLY_HEADER_BYTES = REPLY_VOCAB + 4;
/** logSumExp and scaledLogSumExp. */
const REPLY_SUMS_BYTES = 8;

/** @throws AppError frame-too-large when a frame of this many rows could not be sent. */
export function encodeForward(frame: ForwardFrame): ArrayBuffer {
  const valueBytes = bytesPerValue(frame.dtype);
  const payload = FORWARD_HEADER_BYTES + 4 * frame.wantIds.length;
  const buffer = allocate(payload + frame.rows * frame.dim * valueBytes);
  const view = new DataView(buffer);
  writeCommon(view, KIND_FORWARD, frame);
  view.setUint8(DTYPE, WIRE_DTYPES.indexOf(frame.dtype));
  view.setUint8(FLAGS, frame.fullRow ? FLAG_FULL_ROW : 0);
  view.setUint32(SOURCE, frame.source, true);
  view.setUint32(POSITION, frame.position, true);
  view.setUint32(ROWS, frame.rows, true);
  view.setUint32(HEAD_ROWS, frame.headRows, true);
  view.setUint32(UNTIL_LAYER, frame.untilLayer, true);
  view.setUint32(DIM, frame.dim, true);
  view.setFloat32(INV_TEMPERATURE, frame.invTemperature, true);
  view.setUint32(WANT_COUNT, frame.wantIds.length, true);
  new Uint32Array(buffer, FORWARD_HEADER_BYTES, frame.wantIds.length).set(frame.wantIds);
  if (frame.dtype === 'f32') new Float32Array(buffer, payload).set(frame.hidden);
  else new Uint16Array(buffer, payload).set(Uint16Array.from(frame.hidden, (value) => floatToHalf(value)));
  return buffer;
}

export function encodeReply(frame: ReplyFrame): ArrayBuffer {
  const first = frame.rows[0];
  const top = first?.topIds.length ?? 0;
  const want = first?.wantLogits.length ?? 0;
  const vocab = first?.logits?.length ?? 0;
  const buffer = allocate(REPLY_HEADER_BYTES + frame.rows.length * replyRowBytes(top, want, vocab));
  const view = new DataView(buffer);
  writeCommon(view, KIND_REPLY, frame);
  view.setUint32(REPLY_ROWS, frame.rows.length, true);
  view.setUint32(REPLY_TOP, top, true);
  view.setUint32(REPLY_WANT, want, true);
  view.setUint32(REPLY_VOCAB, vocab, true);
  let at = REPLY_HEADER_BYTES;
  for (const row of frame.rows) {
    view.setFloat32(at, row.logSumExp, true);
    view.setFloat32(at + 4, row.scaledLogSumExp, true);
    at += REPLY_SUMS_BYTES;
    new Uint32Array(buffer, at, top).set(row.topIds);
    at += 4 * top;
    for (const values of [row.topLogits, row.wantLogits, row.logits ?? new Float32Array(0)]) {
      new Float32Array(buffer, at, values.length).set(values);
      at += 4 * values.length;
    }
  }
  return buffer;
}

/**
 * Reads a frame from another device. Arrays are views on `buffer` where the layout allows.
 * @throws AppError frame-malformed with what was got; nothing is allocated by a length that the buffer does not hold.
 */
export function decodeFrame(buffer: ArrayBuffer): Frame {
  if (buffer.byteLength > MAX_FRAME_BYTES) throw tooLarge(buffer.byteLength);
  if (buffer.byteLength < COMMON_BYTES) throw malformed(`${buffer.byteLength} bytes are no frame`);
  const view = new DataView(buffer);
  const version = view.getUint8(VERSION);
  if (version !== FRAME_VERSION) throw malformed(`version ${version}, this tab speaks ${FRAME_VERSION}: reload the page`);
  const common = {
    epoch: view.getUint32(EPOCH, true),
    sequence: view.getUint32(SEQUENCE, true),
    request: view.getUint32(REQUEST, true),
  };
  const kind = view.getUint8(KIND);
  if (kind === KIND_FORWARD) return { kind: 'forward', ...common, ...readForward(view) };
  if (kind === KIND_REPLY) return { kind: 'reply', ...common, rows: readReplyRows(view) };
  throw malformed(`unknown kind ${kind}`);
}

function readForward(view: DataView<ArrayBuffer>): Omit<ForwardFrame, 'kind' | 'epoch' | 'sequence' | 'request'> {
  requireBytes(view, FORWARD_HEADER_BYTES);
  const dtype = WIRE_DTYPES[view.getUint8(DTYPE)];
  if (dtype === undefined) throw malformed(`unknown dtype ${view.getUint8(DTYPE)}`);
  const rows = view.getUint32(ROWS, true);
  const dim = view.getUint32(DIM, true);
  const wantCount = view.getUint32(WANT_COUNT, true);
  const headRows = view.getUint32(HEAD_ROWS, true);
  if (rows === 0 || dim === 0) throw malformed(`${rows} rows of ${dim} values`);
  if (headRows > rows) throw malformed(`logits wanted for ${headRows} of ${rows} rows`);
  const payload = FORWARD_HEADER_BYTES + 4 * wantCount;
  requireExactly(view, payload + rows * dim * bytesPerValue(dtype));
  return {
    source: view.getUint32(SOURCE, true),
    position: view.getUint32(POSITION, true),
    rows,
    headRows,
    untilLayer: view.getUint32(UNTIL_LAYER, true),
    fullRow: (view.getUint8(FLAGS) & FLAG_FULL_ROW) !== 0,
    invTemperature: view.getFloat32(INV_TEMPERATURE, true),
    wantIds: new Uint32Array(view.buffer, FORWARD_HEADER_BYTES, wantCount),
    dtype,
    dim,
    hidden:
      dtype === 'f32'
        ? new Float32Array(view.buffer, payload, rows * dim)
        : Float32Array.from(new Uint16Array(view.buffer, payload, rows * dim), halfToFloat),
  };
}

function readReplyRows(view: DataView<ArrayBuffer>): ReplyRow[] {
  requireBytes(view, REPLY_HEADER_BYTES);
  const rows = view.getUint32(REPLY_ROWS, true);
  const top = view.getUint32(REPLY_TOP, true);
  const want = view.getUint32(REPLY_WANT, true);
  const vocab = view.getUint32(REPLY_VOCAB, true);
  const rowBytes = replyRowBytes(top, want, vocab);
  requireExactly(view, REPLY_HEADER_BYTES + rows * rowBytes);
  return Array.from({ length: rows }, (_, i) => readReplyRow(view, REPLY_HEADER_BYTES + i * rowBytes, top, want, vocab));
}

function readReplyRow(view: DataView<ArrayBuffer>, start: number, top: number, want: number, vocab: number): ReplyRow {
  const topIds = start + REPLY_SUMS_BYTES;
  const topLogits = topIds + 4 * top;
  const wantLogits = topLogits + 4 * top;
  const logits = wantLogits + 4 * want;
  return {
    logSumExp: view.getFloat32(start, true),
    scaledLogSumExp: view.getFloat32(start + 4, true),
    topIds: new Uint32Array(view.buffer, topIds, top),
    topLogits: new Float32Array(view.buffer, topLogits, top),
    wantLogits: new Float32Array(view.buffer, wantLogits, want),
    logits: vocab === 0 ? null : new Float32Array(view.buffer, logits, vocab),
  };
}

function replyRowBytes(top: number, want: number, vocab: number): number {
  return REPLY_SUMS_BYTES + 8 * top + 4 * want + 4 * vocab;
}

function writeCommon(view: DataView, kind: number, frame: Pick<Frame, 'epoch' | 'sequence' | 'request'>): void {
  view.setUint8(VERSION, FRAME_VERSION);
  view.setUint8(KIND, kind);
  view.setUint32(EPOCH, frame.epoch, true);
  view.setUint32(SEQUENCE, frame.sequence, true);
  view.setUint32(REQUEST, frame.request, true);
}

function allocate(bytes: number): ArrayBuffer {
  if (bytes > MAX_FRAME_BYTES) throw tooLarge(bytes);
  return new ArrayBuffer(bytes);
}

function requireBytes(view: DataView, bytes: number): void {
  if (view.byteLength < bytes) throw malformed(`${view.byteLength} bytes, its header alone has ${bytes}`);
}

function requireExactly(view: DataView, bytes: number): void {
  if (view.byteLength !== bytes) throw malformed(`${view.byteLength} bytes, its header announces ${bytes}`);
}

function malformed(what: string): AppError {
  return new AppError('frame-malformed', `malformed frame: ${what}`);
}

function tooLarge(bytes: number): AppError {
  return new AppError('frame-too-large', `a frame of ${bytes} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
}
