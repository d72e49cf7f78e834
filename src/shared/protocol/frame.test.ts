import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import { decodeFrame, encodeForward, encodeReply, type ForwardFrame, type ReplyFrame } from './frame.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const float = fc.float({ noNaN: true });

const forwardFrame = fc
  .record({ epoch: u32, source: u32, sequence: u32, request: u32, position: u32, untilLayer: u32, fullRow: fc.boolean() })
  .chain((head) =>
    fc
      .record({
        rows: fc.integer({ min: 1, max: 5 }),
        dim: fc.integer({ min: 1, max: 9 }),
        wantIds: fc.uint32Array({ maxLength: 4 }),
      })
      .chain(({ rows, dim, wantIds }) =>
        fc
          .record({
            headRows: fc.integer({ min: 0, max: rows }),
            hidden: fc.float32Array({ minLength: rows * dim, maxLength: rows * dim, noNaN: true }),
            invTemperature: float,
          })
          .map((tail): ForwardFrame => ({ kind: 'forward', dtype: 'f32', ...head, rows, dim, wantIds, ...tail })),
      ),
  );

const aReply: ReplyFrame = {
  kind: 'reply',
  epoch: 3,
  sequence: 1,
  request: 9,
  rows: [1, 2].map((n) => ({
    logSumExp: n,
    scaledLogSumExp: 2 * n,
    topIds: Uint32Array.of(7 * n, 5),
    topLogits: Float32Array.of(n, 0.5),
    wantLogits: Float32Array.of(-n),
    logits: Float32Array.of(1, 2, n),
  })),
};

describe('frames', () => {
  it('arrive as they were sent, in f32 bit for bit', () => {
    fc.assert(
      fc.property(forwardFrame, (frame) => {
        expect(decodeFrame(encodeForward(frame))).toEqual(frame);
      }),
    );
  });

  it('carry activations in half precision when the room asks for it', () => {
    const hidden = Float32Array.of(1, -0.5, 65504, 2 ** -24, 0.1, 1e9);
    const frame: ForwardFrame = {
      kind: 'forward',
      epoch: 1,
      source: 1,
      sequence: 1,
      request: 1,
      position: 0,
      rows: 2,
      headRows: 1,
      untilLayer: 8,
      fullRow: false,
      invTemperature: 1,
      wantIds: new Uint32Array(3),
      dtype: 'f16',
      dim: 3,
      hidden,
    };
    const decoded = decodeFrame(encodeForward(frame)) as ForwardFrame;
    expect(encodeForward(frame).byteLength).toBe(encodeForward({ ...frame, dtype: 'f32' }).byteLength - 12);
    expect([...decoded.hidden]).toEqual([1, -0.5, 65504, 2 ** -24, Math.fround(0.0999755859375), Number.POSITIVE_INFINITY]);
  });

  it('bring every row of a head reply back', () => {
    expect(decodeFrame(encodeReply(aReply))).toEqual(aReply);
    expect(decodeFrame(encodeReply({ ...aReply, rows: [] }))).toEqual({ ...aReply, rows: [] });
  });

  it('are refused with frame-malformed when cut, padded or altered, never with another error', () => {
    const good = new Uint8Array(encodeReply(aReply));
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeFrame(good.slice(0, length).buffer)).toThrow(AppError);
    }
    fc.assert(
      fc.property(forwardFrame, fc.nat(), fc.nat({ max: 255 }), (frame, at, value) => {
        const bytes = new Uint8Array(encodeForward(frame));
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

  it('are refused before anything is allocated when they announce more than they hold', () => {
    const bytes = encodeReply(aReply);
    new DataView(bytes).setUint32(16, 0xffffffff, true);
    expect(() => decodeFrame(bytes)).toThrow(/announces/);
    expect(() => decodeFrame(new ArrayBuffer(9 * 1024 * 1024))).toThrow(/at most/);
  });
});
