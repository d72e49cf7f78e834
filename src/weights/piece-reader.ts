/** Reads a stream piece by piece; a piece is good until the next one is asked for. */
export interface PieceReader {
  /** Null at the end. */
  next(): Promise<Uint8Array | null>;
}

/** Enough that waiting for a piece costs little beside what arrives with it, bytes. */
const BUFFER_BYTES = 256 * 1024;

/**
 * Reads into the same memory again and again where the stream allows that ("bring your own buffer" of the Streams standard):
 * buffers that a large download leaves behind are collected late, and would count as much as the model itself.
 */
export function pieceReader(stream: ReadableStream<Uint8Array<ArrayBuffer>>): PieceReader {
  return reusingReader(stream) ?? plainReader(stream);
}

function reusingReader(stream: ReadableStream<Uint8Array<ArrayBuffer>>): PieceReader | null {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = stream.getReader({ mode: 'byob' });
  } catch {
    return null; // not a stream of bytes, or a browser that cannot do this
  }
  let buffer = new ArrayBuffer(BUFFER_BYTES);
  return {
    next: async () => {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (value) buffer = value.buffer;
      return done ? null : value;
    },
  };
}

function plainReader(stream: ReadableStream<Uint8Array<ArrayBuffer>>): PieceReader {
  const reader = stream.getReader();
  return { next: async () => (await reader.read()).value ?? null };
}
