import type { Tokenizer } from './tokenizer.ts';

export interface StreamDecoderOptions {
  /**
   * The text begins here, so the space before its first word is the tokenizer's and not shown (as llama.cpp's detokenizer).
   * False where it goes on a text that is shown already.
   */
  atStart?: boolean;
}

/** Turns tokens into text as they come. Bytes of a character wait until it is whole; bytes that are none become U+FFFD. */
export class StreamDecoder {
  private readonly tokenizer: Tokenizer;
  private readonly utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  private skipSpace: boolean;

  constructor(tokenizer: Tokenizer, { atStart = true }: StreamDecoderOptions = {}) {
    this.tokenizer = tokenizer;
    this.skipSpace = atStart && tokenizer.addSpacePrefix;
  }

  /** What can be shown now that this token has come: whole characters, perhaps none. @throws AppError stage-failed */
  push(id: number): string {
    let bytes = this.tokenizer.tokenBytes(id);
    if (this.skipSpace && bytes.length > 0) {
      if (bytes[0] === 0x20) bytes = bytes.subarray(1);
      this.skipSpace = false;
    }
    return this.utf8.decode(bytes, { stream: true });
  }

  /** What is left at the end: U+FFFD for half a character, else nothing. */
  end(): string {
    return this.utf8.decode();
  }
}
