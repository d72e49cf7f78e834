import { AppError } from '../shared/errors.ts';
import { MAX_FRAME_BYTES } from '../shared/protocol/frame-bytes.ts';
import { PIECE_BYTES } from '../shared/protocol/peer.ts';

/**
 * A frame crosses the channel as binary messages of at most PIECE_BYTES, in order. The first starts with the frame's
 * length; the last ends where the length says, so nothing marks it.
 */
const TOTAL_BYTES = 0; // u32, little endian
const FIRST_BODY = TOTAL_BYTES + 4;

/**
 * The pieces of a frame. All but the first are views of it: leave the frame alone until the last one is sent.
 * The caller has checked the size with `assertFrameSize`.
 */
export function* piecesOf(frame: ArrayBuffer): Generator<Uint8Array<ArrayBuffer>> {
  const bodyBytes = Math.min(PIECE_BYTES - FIRST_BODY, frame.byteLength);
  const first = new Uint8Array(FIRST_BODY + bodyBytes);
  new DataView(first.buffer).setUint32(TOTAL_BYTES, frame.byteLength, true);
  first.set(new Uint8Array(frame, 0, bodyBytes), FIRST_BODY);
  yield first;
  for (let sent = bodyBytes; sent < frame.byteLength; sent += PIECE_BYTES) {
    yield new Uint8Array(frame, sent, Math.min(PIECE_BYTES, frame.byteLength - sent));
  }
}

/** @throws AppError `frame-too-large` */
export function assertFrameSize(frameBytes: number): void {
  if (frameBytes <= MAX_FRAME_BYTES) return;
  throw new AppError('frame-too-large', `a frame has ${frameBytes} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
}

/** Joins pieces into frames again. After an error it is of no further use: where the next frame starts is lost. */
export class Reassembler {
  private frame: Uint8Array<ArrayBuffer> | null = null;
  private filledBytes = 0;

  /** True while a frame has begun and is not whole. */
  get midFrame(): boolean {
    return this.frame !== null;
  }

  /**
   * Takes the next piece; returns the frame when that was its last one. The length is checked before memory is taken.
   * @throws AppError `frame-malformed`, `frame-too-large`
   */
  push(piece: ArrayBuffer): ArrayBuffer | null {
    if (piece.byteLength > PIECE_BYTES) {
      throw new AppError(
        'frame-malformed',
        `a piece of a frame has ${piece.byteLength} bytes, at most ${PIECE_BYTES} are allowed`,
      );
    }
    const body = this.frame ? new Uint8Array(piece) : this.begin(piece);
    return this.append(this.frame!, body);
  }

  private begin(piece: ArrayBuffer): Uint8Array {
    if (piece.byteLength < FIRST_BODY) {
      throw new AppError(
        'frame-malformed',
        `a frame starts with ${piece.byteLength} bytes, its length alone takes ${FIRST_BODY}`,
      );
    }
    const totalBytes = new DataView(piece).getUint32(TOTAL_BYTES, true);
    assertFrameSize(totalBytes);
    const body = new Uint8Array(piece, FIRST_BODY);
    if (totalBytes > 0 && body.length === 0)
      throw new AppError('frame-malformed', `a frame of ${totalBytes} bytes starts with none of them`);
    this.frame = new Uint8Array(totalBytes);
    this.filledBytes = 0;
    return body;
  }

  private append(frame: Uint8Array<ArrayBuffer>, body: Uint8Array): ArrayBuffer | null {
    const missingBytes = frame.length - this.filledBytes;
    if (body.length > missingBytes || (body.length === 0 && missingBytes > 0)) {
      throw new AppError('frame-malformed', `a piece brings ${body.length} bytes to a frame that lacks ${missingBytes}`);
    }
    frame.set(body, this.filledBytes);
    this.filledBytes += body.length;
    if (this.filledBytes < frame.length) return null;
    this.frame = null;
    return frame.buffer;
  }
}
