import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { MAX_FRAME_BYTES } from '../shared/protocol/frame-bytes.ts';
import { FRAGMENT_BYTES } from '../shared/protocol/peer.ts';
import { assertFrame, fragmentsOf, Reassembler } from './fragments.ts';

function errorCode(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return 'none';
}

/** As the channel delivers them: each fragment a buffer of its own. */
function delivered(frame: ArrayBuffer): ArrayBuffer[] {
  return [...fragmentsOf(frame)].map((fragment) => fragment.slice().buffer);
}

/** Compares far quicker than an array does. */
function asText(bytes: AllowSharedBufferSource): string {
  return new TextDecoder('latin1').decode(bytes);
}

/** The first fragment of a frame that announces so many bytes. */
function starting(totalBytes: number, fragmentBytes: number): ArrayBuffer {
  const fragment = new ArrayBuffer(fragmentBytes);
  new DataView(fragment).setUint32(0, totalBytes, true);
  return fragment;
}

function frameOf(bytes: number): ArrayBuffer {
  return starting(bytes, bytes);
}

describe('frames in fragments', () => {
  test('frames of any sizes one after another come out whole, in order, after their last fragment', () => {
    const frames = fc.array(
      fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.uint8Array({ minLength: 4000, maxLength: 13_000 })),
      {
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(frames, (sent) => {
        const reassembler = new Reassembler();
        for (const bytes of sent) {
          new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, bytes.length, true);
          const fragments = delivered(bytes.slice().buffer);
          const results = fragments.map((fragment) => reassembler.push(fragment));
          expect(results.slice(0, -1).every((result) => result === null)).toBe(true);
          expect(asText(results.at(-1)!)).toBe(asText(bytes));
          expect(reassembler.midFrame).toBe(false);
        }
      }),
    );
  });

  test.each([
    [4, 1],
    [FRAGMENT_BYTES, 1],
    [FRAGMENT_BYTES + 1, 2],
    [2 * FRAGMENT_BYTES, 2],
    [2 * FRAGMENT_BYTES + 1, 3],
  ])('%i bytes take %i fragments, none over the limit', (frameBytes, count) => {
    const fragments = delivered(frameOf(frameBytes));
    expect(fragments).toHaveLength(count);
    expect(Math.max(...fragments.map((fragment) => fragment.byteLength))).toBeLessThanOrEqual(FRAGMENT_BYTES);
  });

  test('garbage never causes anything but an AppError, and never a frame larger than what was sent', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }), (fragments) => {
        const reassembler = new Reassembler();
        let receivedBytes = 0;
        for (const fragment of fragments) {
          receivedBytes += fragment.length;
          let frame: ArrayBuffer | null = null;
          const code = errorCode(() => {
            frame = reassembler.push(fragment.slice().buffer);
          });
          expect(['none', 'frame-malformed', 'frame-too-large']).toContain(code);
          if (code !== 'none') return;
          expect((frame as ArrayBuffer | null)?.byteLength ?? 0).toBeLessThanOrEqual(receivedBytes);
        }
      }),
    );
  });

  test('nothing is copied of what is sent, nor of a frame that came in one fragment', () => {
    const frame = frameOf(FRAGMENT_BYTES + 8);
    expect([...fragmentsOf(frame)].every((fragment) => fragment.buffer === frame)).toBe(true);
    const single = frameOf(FRAGMENT_BYTES);
    expect(new Reassembler().push(single)).toBe(single);
  });

  test('a frame of the largest size passes and one byte more is refused before memory is taken', () => {
    expect(errorCode(() => assertFrame(frameOf(MAX_FRAME_BYTES)))).toBe('none');
    expect(errorCode(() => assertFrame(frameOf(MAX_FRAME_BYTES + 1)))).toBe('frame-too-large');
    expect(errorCode(() => new Reassembler().push(starting(MAX_FRAME_BYTES, 5)))).toBe('none');
    expect(errorCode(() => new Reassembler().push(starting(MAX_FRAME_BYTES + 1, 5)))).toBe('frame-too-large');
    expect(errorCode(() => new Reassembler().push(starting(0xffffffff, 5)))).toBe('frame-too-large');
  });

  test('what does not begin with its length is not sent', () => {
    for (const frame of [new ArrayBuffer(0), new ArrayBuffer(3), new ArrayBuffer(4), starting(5, 6)]) {
      expect(errorCode(() => assertFrame(frame))).toBe('frame-malformed');
    }
  });

  test.each([
    ['a first fragment without a length', [new ArrayBuffer(3)]],
    ['a frame shorter than its own length', [starting(3, 4)]],
    ['a fragment that is too large', [starting(9000, FRAGMENT_BYTES + 1)]],
    ['more bytes than the frame has', [starting(5, 6)]],
    ['more bytes than the frame still lacks', [starting(9, 7), new ArrayBuffer(3)]],
    ['an empty fragment in the middle', [starting(9, 7), new ArrayBuffer(0)]],
  ])('%s is malformed', (_, fragments) => {
    const reassembler = new Reassembler();
    expect(errorCode(() => fragments.map((fragment) => reassembler.push(fragment)))).toBe('frame-malformed');
  });
});
