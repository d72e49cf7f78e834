import { AppError } from '../shared/errors.ts';

/** The bytes read so far end before `neededBytes`, although the file goes on. Caught by whoever can read more. */
export class NeedMoreBytes extends Error {
  readonly neededBytes: number;

  constructor(neededBytes: number) {
    super(`needs ${neededBytes} bytes`);
    this.neededBytes = neededBytes;
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads little-endian values from the start of a file, of which `bytes` holds the beginning and which is `fileBytes` long.
 * Nothing is read or reserved beyond the file: a value that would end there throws AppError model-truncated, and one that
 * ends beyond `bytes` throws NeedMoreBytes.
 */
export class ByteCursor {
  position = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly fileBytes: number;

  constructor(bytes: Uint8Array, fileBytes = bytes.length) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.fileBytes = fileBytes;
  }

  u8 = (): number => this.view.getUint8(this.take(1));
  i8 = (): number => this.view.getInt8(this.take(1));
  u16 = (): number => this.view.getUint16(this.take(2), true);
  i16 = (): number => this.view.getInt16(this.take(2), true);
  u32 = (): number => this.view.getUint32(this.take(4), true);
  i32 = (): number => this.view.getInt32(this.take(4), true);
  f32 = (): number => this.view.getFloat32(this.take(4), true);
  f64 = (): number => this.view.getFloat64(this.take(8), true);
  bigU64 = (): bigint => this.view.getBigUint64(this.take(8), true);
  bigI64 = (): bigint => this.view.getBigInt64(this.take(8), true);

  /** A 64-bit count, length or offset. @throws AppError model-malformed when a double can't hold it exactly */
  u64(what: string): number {
    const value = this.bigU64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new AppError(
        'model-malformed',
        `${what} is ${value}, more than the ${Number.MAX_SAFE_INTEGER} that any file can have`,
      );
    }
    return Number(value);
  }

  /** How many things follow that take at least `minimumBytes` each. @throws AppError model-truncated when the file ends before */
  count(what: string, minimumBytes: number): number {
    const value = this.u64(what);
    if (value > (this.fileBytes - this.position) / minimumBytes) {
      throw new AppError(
        'model-truncated',
        `${what} is ${value}, but only ${this.fileBytes - this.position} bytes follow in a file of ${this.fileBytes}`,
      );
    }
    return value;
  }

  /** A 64-bit length and that many bytes of UTF-8; invalid bytes become U+FFFD. */
  string(what: string): string {
    const length = this.count(`the length of ${what}`, 1);
    const start = this.take(length);
    return utf8.decode(this.bytes.subarray(start, start + length));
  }

  private take(count: number): number {
    const start = this.position;
    const end = start + count;
    if (end > this.fileBytes) {
      throw new AppError('model-truncated', `the file ends after ${this.fileBytes} bytes, in the middle of its header`);
    }
    if (end > this.bytes.length) throw new NeedMoreBytes(end);
    this.position = end;
    return start;
  }
}
