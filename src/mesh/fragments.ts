import { AppError } from '../shared/errors.ts';
import { LENGTH, MAX_FRAME_BYTES } from '../shared/protocol/frame-bytes.ts';
import { FRAGMENT_BYTES } from '../shared/protocol/peer.ts';

/**
 * A frame crosses the channel as binary messages of at most FRAGMENT_BYTES, in order. It begins with its own length, so nothing is put
 * before it, and the last fragment ends where the length says, so nothing marks it.
 */
const AFTER_LENGTH = LENGTH + 4;

/**
 * The fragments of a frame, views of it: leave it alone until the last one is sent. The caller has checked it with `assertFrame`.
 */
export function* fragmentsOf(frame: ArrayBuffer): Generator<Uint8Array<ArrayBuffer>> {
  for (let sent = 0; sent < frame.byteLength; sent += FRAGMENT_BYTES) {
    yield new Uint8Array(frame, sent, Math.min(FRAGMENT_BYTES, frame.byteLength - sent));
  }
}

/** @throws AppError `frame-too-large`; `frame-malformed` if it does not begin with its length */
export function assertFrame(frame: ArrayBuffer): void {
  const announced = announcedBytes(frame);
  if (announced === frame.byteLength) return;
  throw new AppError('frame-malformed', `a frame of ${frame.byteLength} bytes announces ${announced}`);
}

/** Joins fragments into frames again. After an error it is of no further use: where the next frame starts is lost. */
export class Reassembler {
  private frame: Uint8Array<ArrayBuffer> | null = null;
  private filledBytes = 0;

  /** True while a frame has begun and is not whole. */
  get midFrame(): boolean {
    return this.frame !== null;
  }

  /**
   * Takes the next fragment; returns the frame when that was its last one, and a frame of one fragment as it came. The length is
   * checked before memory is taken.
   * @throws AppError `frame-malformed`, `frame-too-large`
   */
  push(fragment: ArrayBuffer): ArrayBuffer | null {
    if (fragment.byteLength > FRAGMENT_BYTES) {
      throw new AppError(
        'frame-malformed',
        `a fragment of a frame has ${fragment.byteLength} bytes, at most ${FRAGMENT_BYTES} are allowed`,
      );
    }
    if (this.frame) return this.append(this.frame, fragment);
    const totalBytes = announcedBytes(fragment);
    if (fragment.byteLength === totalBytes) return fragment;
    this.frame = new Uint8Array(totalBytes);
    this.filledBytes = 0;
    return this.append(this.frame, fragment);
  }

  private append(frame: Uint8Array<ArrayBuffer>, fragment: ArrayBuffer): ArrayBuffer | null {
    const missingBytes = frame.length - this.filledBytes;
    if (fragment.byteLength > missingBytes || fragment.byteLength === 0) {
      throw new AppError(
        'frame-malformed',
        `a fragment brings ${fragment.byteLength} bytes to a frame that lacks ${missingBytes}`,
      );
    }
    frame.set(new Uint8Array(fragment), this.filledBytes);
    this.filledBytes += fragment.byteLength;
    if (this.filledBytes < frame.length) return null;
    this.frame = null;
    return frame.buffer;
  }
}

function announcedBytes(start: ArrayBuffer): number {
  if (start.byteLength < AFTER_LENGTH) {
    throw new AppError(
      'frame-malformed',
      `a frame starts with ${start.byteLength} bytes, its length alone takes ${AFTER_LENGTH}`,
    );
  }
  const bytes = new DataView(start).getUint32(LENGTH, true);
  if (bytes <= MAX_FRAME_BYTES) return bytes;
  throw new AppError('frame-too-large', `a frame has ${bytes} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
}
