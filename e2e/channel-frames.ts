import type { Page } from 'playwright';

/** What crossed a tab's data channels, as the layout of frames has it: little-endian, each beginning with its own length. */
export interface SeenFrame {
  direction: 'in' | 'out';
  kind: 'forward' | 'reply';
  /** Logits of so many rows: replies only. */
  logitRows: number;
  /** Hidden states, (rows, dim): of forwards, and of replies to chats that hold the head. */
  hidden: number[][];
}

const LENGTH = 0;
const KIND = 5;
const DIM = 16;
const RUNS_OR_ROWS = 20;
const HIDDEN_ROWS = 24;
const FIRST_RUN = 32;
const RUN_BYTES = 20;
const ROWS_OF_RUN = 16;
const KIND_FORWARD = 1;
/** Binary messages of the channel that carries activations; others are simple-peer's own and the one for bulk. */
const CHANNEL = 'edgeshard';

/** To be called before the page is opened: keeps every binary message that its channels bring or take. */
export async function keepChannelBytes(page: Page): Promise<void> {
  await page.addInitScript((label) => {
    const seen: { direction: 'in' | 'out'; bytes: Uint8Array }[] = [];
    Object.assign(globalThis, { seenBytes: seen });
    const create = RTCPeerConnection.prototype.createDataChannel;
    RTCPeerConnection.prototype.createDataChannel = function (...args) {
      const channel = create.apply(this, args);
      if (args[0] !== label) return channel;
      channel.addEventListener('message', ({ data }) => {
        if (data instanceof ArrayBuffer) seen.push({ direction: 'in', bytes: new Uint8Array(data.slice(0)) });
      });
      const send = channel.send.bind(channel) as (data: unknown) => void;
      channel.send = (data: unknown) => {
        if (ArrayBuffer.isView(data)) {
          seen.push({
            direction: 'out',
            bytes: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).slice(),
          });
        }
        send(data);
      };
      return channel;
    };
  }, CHANNEL);
}

/** For tabs with one link: pieces of frames to one device come one after the other. */
export async function seenFrames(page: Page): Promise<SeenFrame[]> {
  const pieces = await page.evaluate(() => {
    const { seenBytes } = globalThis as unknown as { seenBytes: { direction: 'in' | 'out'; bytes: Uint8Array }[] };
    return seenBytes.map(({ direction, bytes }) => ({ direction, bytes: Array.from(bytes) }));
  });
  return (['in', 'out'] as const).flatMap((direction) =>
    framesOf(pieces.filter((piece) => piece.direction === direction).flatMap(({ bytes }) => bytes)).map((frame) =>
      read(direction, frame),
    ),
  );
}

function framesOf(bytes: readonly number[]): Buffer[] {
  const all = Buffer.from(bytes);
  const frames: Buffer[] = [];
  for (let at = 0; at < all.length; ) {
    const length = all.readUInt32LE(at + LENGTH);
    frames.push(all.subarray(at, at + length));
    at += length;
  }
  return frames;
}

function read(direction: SeenFrame['direction'], frame: Buffer): SeenFrame {
  const isForward = frame.readUInt8(KIND) === KIND_FORWARD;
  const dim = frame.readUInt32LE(DIM);
  const rows = isForward ? rowsOfRuns(frame) : frame.readUInt32LE(HIDDEN_ROWS);
  const start = frame.length - rows * dim * 4;
  const hidden = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: dim }, (_, i) => frame.readFloatLE(start + (row * dim + i) * 4)),
  );
  return {
    direction,
    kind: isForward ? 'forward' : 'reply',
    logitRows: isForward ? 0 : frame.readUInt32LE(RUNS_OR_ROWS),
    hidden,
  };
}

function rowsOfRuns(frame: Buffer): number {
  const runs = Array.from({ length: frame.readUInt32LE(RUNS_OR_ROWS) }, (_, i) => FIRST_RUN + i * RUN_BYTES);
  return runs.reduce((sum, at) => sum + frame.readUInt32LE(at + ROWS_OF_RUN), 0);
}
