import { AppError } from '../errors.ts';
import { floatToHalf, halfToFloat, LARGEST_HALF } from '../model/float16.ts';
import { bytesPerValue, WIRE_DTYPES, type WireDtype } from '../model/wire-dtype.ts';

/** Nothing larger crosses a link: a prefill chunk of 128 tokens of a 70B model in f32 has 4 MiB. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024;

/** A frame begins with its length in bytes, u32, and then a byte each for version, kind, dtype and nothing. */
export const LENGTH = 0;
const VERSION = LENGTH + 4;
const KIND = VERSION + 1;
const DTYPE = KIND + 1;
const EPOCH = DTYPE + 2;
const AFTER_EPOCH = EPOCH + 4;

/** Writes a frame's fields one after the other. */
export class FrameWriter {
  readonly buffer: ArrayBuffer;
  private readonly view: DataView;
  private at = 0;

  /** @throws AppError frame-too-large */
  constructor(bytes: number) {
    if (bytes > MAX_FRAME_BYTES) throw tooLarge(bytes);
    this.buffer = new ArrayBuffer(bytes);
    this.view = new DataView(this.buffer);
  }

  start(version: number, kind: number, dtype: WireDtype, epoch: number): void {
    this.view.setUint32(LENGTH, this.buffer.byteLength, true);
    this.view.setUint8(VERSION, version);
    this.view.setUint8(KIND, kind);
    this.view.setUint8(DTYPE, WIRE_DTYPES.indexOf(dtype));
    this.view.setUint32(EPOCH, epoch, true);
    this.at = AFTER_EPOCH;
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  f32(value: number): void {
    this.view.setFloat32(this.at, value, true);
    this.at += 4;
  }

  u64(value: bigint): void {
    this.view.setBigUint64(this.at, value, true);
    this.at += 8;
  }

  u32s(values: Uint32Array): void {
    new Uint32Array(this.buffer, this.at, values.length).set(values);
    this.at += 4 * values.length;
  }

  f32s(values: Float32Array): void {
    new Float32Array(this.buffer, this.at, values.length).set(values);
    this.at += 4 * values.length;
  }

  /** Activations come last. In half precision what is too large becomes the largest that there is, not infinity. */
  values(values: Float32Array, dtype: WireDtype): void {
    if (dtype === 'f32') {
      this.f32s(values);
      return;
    }
    const halves = new Uint16Array(this.buffer, this.at, values.length);
    for (let i = 0; i < values.length; i++) {
      halves[i] = floatToHalf(Math.max(-LARGEST_HALF, Math.min(LARGEST_HALF, values[i]!)));
    }
    this.at += valuesBytes(values.length, dtype);
  }
}

/** Reads a frame's fields one after the other, none beyond its end. */
export class FrameReader {
  private readonly view: DataView<ArrayBuffer>;
  private at = 0;

  /** @param buffer holds at least the header */
  constructor(buffer: ArrayBuffer) {
    this.view = new DataView(buffer);
  }

  /** @throws AppError frame-malformed */
  start(): { version: number; kind: number; dtype: WireDtype; epoch: number } {
    const bytes = this.view.getUint32(LENGTH, true);
    if (bytes !== this.view.byteLength) throw malformed(`${this.view.byteLength} bytes, it announces ${bytes}`);
    const dtype = WIRE_DTYPES[this.view.getUint8(DTYPE)];
    if (dtype === undefined) throw malformed(`unknown dtype ${this.view.getUint8(DTYPE)}`);
    this.at = AFTER_EPOCH;
    return {
      version: this.view.getUint8(VERSION),
      kind: this.view.getUint8(KIND),
      dtype,
      epoch: this.view.getUint32(EPOCH, true),
    };
  }

  /** To be called before anything is made by a count that was read. @throws AppError frame-malformed */
  require(bytes: number): void {
    const left = this.view.byteLength - this.at;
    if (bytes > left) throw malformed(`${left} bytes are left, it announces ${bytes}`);
  }

  u32(): number {
    this.require(4);
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }

  f32(): number {
    this.require(4);
    this.at += 4;
    return this.view.getFloat32(this.at - 4, true);
  }

  u64(): bigint {
    this.require(8);
    this.at += 8;
    return this.view.getBigUint64(this.at - 8, true);
  }

  u32s(count: number): Uint32Array {
    this.require(4 * count);
    this.at += 4 * count;
    return new Uint32Array(this.view.buffer, this.at - 4 * count, count);
  }

  f32s(count: number): Float32Array {
    this.require(4 * count);
    this.at += 4 * count;
    return new Float32Array(this.view.buffer, this.at - 4 * count, count);
  }

  values(count: number, dtype: WireDtype): Float32Array {
    if (dtype === 'f32') return this.f32s(count);
    const bytes = valuesBytes(count, dtype);
    this.require(bytes);
    this.at += bytes;
    return Float32Array.from(new Uint16Array(this.view.buffer, this.at - bytes, count), halfToFloat);
  }

  /** @throws AppError frame-malformed when something is left */
  end(): void {
    const left = this.view.byteLength - this.at;
    if (left !== 0) throw malformed(`${left} bytes more than it announces`);
  }
}

/** In whole fours: an odd number of halves is followed by two bytes of nothing. */
export function valuesBytes(count: number, dtype: WireDtype): number {
  return Math.ceil((count * bytesPerValue(dtype)) / 4) * 4;
}

export function malformed(what: string): AppError {
  return new AppError('frame-malformed', `malformed frame: ${what}`);
}

export function tooLarge(bytes: number): AppError {
  return new AppError('frame-too-large', `a frame of ${bytes} bytes, at most ${MAX_FRAME_BYTES} are allowed`);
}
