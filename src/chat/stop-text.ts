/**
 * Finds the texts that end an answer in a stream of texts. What might be the beginning of one is held back until the
 * next one decides.
 */
export class StopText {
  private readonly stops: readonly string[];
  private held = '';
  /** True once a stop text was found: nothing after it is shown. */
  found = false;

  constructor(stops: readonly string[]) {
    this.stops = stops.filter((stop) => stop.length > 0);
  }

  /** The text that may be shown after this one. */
  push(more: string): string {
    if (this.found) return '';
    const text = this.held + more;
    const first = firstComplete(text, this.stops);
    if (first !== null) {
      this.found = true;
      this.held = '';
      return text.slice(0, first);
    }
    const keep = Math.max(0, ...this.stops.map((stop) => overlap(text, stop)));
    this.held = text.slice(text.length - keep);
    return text.slice(0, text.length - keep);
  }

  /** What was held back, when the answer ended otherwise. */
  flush(): string {
    const rest = this.held;
    this.held = '';
    return rest;
  }
}

/** Where the stop text begins that is complete first, so that it does not matter how the text was cut; null for none. */
function firstComplete(text: string, stops: readonly string[]): number | null {
  const found = stops.map((stop) => ({ start: text.indexOf(stop), length: stop.length })).filter(({ start }) => start !== -1);
  const [first] = found.sort((a, b) => a.start + a.length - (b.start + b.length) || a.start - b.start);
  return first?.start ?? null;
}

/** Length of the longest end of `text` that is a proper beginning of `stop`. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
