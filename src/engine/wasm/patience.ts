/** Less than a tenth of a millisecond: most waits are shorter, and waking takes about as long. */
const MOST_LOOKS = 10_000;
/** Enough to find out that looking helps again. */
const FEWEST_LOOKS = 600;

/**
 * How long a thread looks at a word before it sleeps: long as long as that helps, and shorter each time that it did not. Where
 * threads outnumber processors, whoever looks takes time from those that work.
 */
export class Patience {
  private looks = MOST_LOOKS;

  /** @returns what the word held when it was there, or else in the end */
  lookFor(words: Int32Array, word: number, isThere: (value: number) => boolean): number {
    let value = Atomics.load(words, word);
    for (let looks = 0; looks < this.looks && !isThere(value); looks++) value = Atomics.load(words, word);
    this.looks = isThere(value) ? MOST_LOOKS : Math.max(FEWEST_LOOKS, Math.floor(this.looks / 2));
    return value;
  }
}
