/**
 * The letters that GPT-2's byte-level vocabularies write bytes as (Radford et al. 2019): printable Latin-1 characters stand
 * for themselves, the other bytes for U+0100 and on, in ascending order.
 */
const LETTERS: readonly string[] = makeLetters();
const BYTES: ReadonlyMap<string, number> = new Map(LETTERS.map((letter, byte) => [letter, byte]));

const utf8 = new TextEncoder();

function makeLetters(): string[] {
  let unprintable = 0;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : 0x100 + unprintable++);
  });
}

/** One letter for each byte of the text's UTF-8. */
export function toByteLetters(text: string): string {
  return Array.from(utf8.encode(text), (byte) => LETTERS[byte]).join('');
}

/** The bytes that letters stand for; a character that is none of them becomes its UTF-8. */
export function fromByteLetters(letters: string): Uint8Array {
  return Uint8Array.from([...letters].flatMap((letter) => BYTES.get(letter) ?? [...utf8.encode(letter)]));
}
