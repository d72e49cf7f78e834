const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/**
 * Writes one protobuf message (Protocol Buffers encoding specification), field by field. Bytes are kept as parts, so that
 * weights are copied once, when the whole is joined.
 */
export class ProtobufMessage {
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  varint(field: number, value: number): this {
    return this.number((field << 3) | VARINT).number(value);
  }

  float(field: number, value: number): this {
    return this.number((field << 3) | FIXED32).part(new Uint8Array(Float32Array.of(value).buffer));
  }

  bytes(field: number, bytes: Uint8Array): this {
    return this.number((field << 3) | LENGTH_DELIMITED)
      .number(bytes.length)
      .part(bytes);
  }

  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }

  message(field: number, { parts, length }: ProtobufMessage): this {
    this.number((field << 3) | LENGTH_DELIMITED).number(length);
    for (const part of parts) this.part(part);
    return this;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  private part(bytes: Uint8Array): this {
    this.parts.push(bytes);
    this.length += bytes.length;
    return this;
  }

  /** Seven bits a byte, the lowest first. Not negative. */
  private number(value: number): this {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    bytes.push(rest);
    return this.part(Uint8Array.from(bytes));
  }
}
