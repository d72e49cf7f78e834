import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { decodeFrame, encodeFrame, type ForwardFrame, MAX_FULL_ROWS, type ReplyFrame, rowsOf } from './frame.ts';
import { MAX_FRAME_BYTES } from './frame-bytes.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const float = fc.float({ noNaN: true });
const trail = fc.array(fc.record({ peer: u32, digest: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }), { maxLength: 3 });
const run = fc.record({
  source: u32,
  request: u32,
  sequence: u32,
  position: u32,
  rows: fc.integer({ min: 1, max: 3 }),
});

const forwardFrame = fc
  .record({
    epoch: u32,
    untilLayer: u32,
    runs: fc.array(run, { minLength: 1, maxLength: 3 }),
    dim: fc.integer({ min: 1, max: 9 }),
    trail,
  })
  .chain((head) => {
    const rows = rowsOf(head.runs);
    const values = rows * head.dim;
    const asks = fc.uniqueArray(fc.integer({ min: 0, max: rows - 1 })).chain((asked) =>
      fc.tuple(
        ...asked
          .toSorted((a, b) => a - b)
          .map((row) =>
            fc.record({
              row: fc.constant(row),
              wantIds: fc.uint32Array({ maxLength: 4 }),
              invTemperature: float,
              fullRow: fc.boolean(),
            }),
          ),
      ),
    );
    return fc
      .record({ heads: asks, hidden: fc.float32Array({ minLength: values, maxLength: values, noNaN: true }) })
      .map((tail): ForwardFrame => ({ kind: 'forward', dtype: 'f32', ...head, ...tail }));
  });

/** Rows that were asked for different things. */
const aReply: ReplyFrame = {
  kind: 'reply',
  epoch: 3,
  request: 9,
  rows: [1, 2].map((n) => ({
    logSumExp: n,
    scaledLogSumExp: 2 * n,
    topIds: Uint32Array.of(7 * n, 5),
    topLogits: Float32Array.of(n, 0.5),
    wantLogits: n === 1 ? Float32Array.of(-n) : new Float32Array(0),
    logits: n === 1 ? null : Float32Array.of(1, 2, n),
  })),
  hidden: null,
  trail: [
    { peer: 2, digest: 0x1234_5678_9abc_def0n },
    { peer: 3, digest: 2n ** 64n - 1n },
  ],
};

function aForward(hidden: Float32Array, change: Partial<ForwardFrame> = {}): ForwardFrame {
  return {
    kind: 'forward',
    epoch: 1,
    untilLayer: 8,
    runs: [{ source: 1, request: 1, sequence: 1, position: 0, rows: 1 }],
    heads: [{ row: 0, wantIds: new Uint32Array(3), invTemperature: 1, fullRow: false }],
    trail: [],
    dtype: 'f32',
    dim: hidden.length,
    hidden,
    ...change,
  };
}

describe('frames', () => {
  it('arrive as they were sent, in f32 bit for bit', () => {
    fc.assert(
      fc.property(forwardFrame, (frame) => {
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  it('carry activations in half precision when the room asks for it, and none that becomes infinite', () => {
    const hidden = Float32Array.of(1, -0.5, 65504, 2 ** -24, 0.1, 1e9, -7e4);
    const frame = aForward(hidden, { dtype: 'f16' });
    const decoded = decodeFrame(encodeFrame(frame)) as ForwardFrame;
    expect(encodeFrame(frame).byteLength).toBe(encodeFrame({ ...frame, dtype: 'f32' }).byteLength - 12);
    expect([...decoded.hidden]).toEqual([1, -0.5, 65504, 2 ** -24, Math.fround(0.0999755859375), 65504, -65504]);
  });

  it('bring every row of a head reply back, each with what was asked of it', () => {
    expect(decodeFrame(encodeFrame(aReply))).toEqual(aReply);
    expect(decodeFrame(encodeFrame({ ...aReply, rows: [], trail: [] }))).toEqual({ ...aReply, rows: [], trail: [] });
  });

  it('bring the last hidden states back where the head is on the source', () => {
    const hidden = { dtype: 'f16' as const, dim: 3, values: Float32Array.of(1, 2, 3, 4, 5, -6) };
    const reply = { ...aReply, rows: [], hidden };
    expect(decodeFrame(encodeFrame(reply))).toEqual(reply);
  });

  it('begin with their length', () => {
    const bytes = encodeFrame(aReply);
    expect(new DataView(bytes).getUint32(0, true)).toBe(bytes.byteLength);
  });

  it('are refused with frame-malformed when cut, padded or altered, never with another error', () => {
    const good = new Uint8Array(encodeFrame(aReply));
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeFrame(good.slice(0, length).buffer)).toThrow(AppError);
    }
    fc.assert(
      fc.property(forwardFrame, fc.nat(), fc.nat({ max: 255 }), (frame, at, value) => {
        const bytes = new Uint8Array(encodeFrame(frame));
        bytes[at % bytes.length] = value;
        try {
          decodeFrame(bytes.buffer);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect((error as AppError).code).toBe('frame-malformed');
        }
      }),
    );
  });

  it('ask for a few whole rows of logits at most, as each of a large vocabulary fills much of a frame', () => {
    const asking = (count: number) => {
      const heads = Array.from({ length: count }, (_, row) => ({
        row,
        wantIds: new Uint32Array(0),
        invTemperature: 1,
        fullRow: true,
      }));
      const runs = [{ source: 1, request: 1, sequence: 1, position: 0, rows: count }];
      return encodeFrame(aForward(new Float32Array(count), { dim: 1, runs, heads }));
    };
    expect((decodeFrame(asking(MAX_FULL_ROWS)) as ForwardFrame).heads).toHaveLength(MAX_FULL_ROWS);
    expect(() => decodeFrame(asking(MAX_FULL_ROWS + 1))).toThrow(expect.objectContaining({ code: 'frame-malformed' }));
  });

  it('are refused before anything is allocated when they announce more than they hold', () => {
    for (const at of [16, 20, 24, 28, 48]) {
      const bytes = encodeFrame(aForward(Float32Array.of(1, 2)));
      new DataView(bytes).setUint32(at, 0xffffffff, true);
      expect(() => decodeFrame(bytes)).toThrow(AppError);
    }
    expect(() => decodeFrame(new ArrayBuffer(MAX_FRAME_BYTES + 4))).toThrow(/at most/);
  });
});
