/** What every engine's page offers to the measurement; one engine and one model to a page. */
export interface Contestant {
  /** @param variant what the row is about, as its engine names it. Throws when that backend is not what runs. */
  load(url: string, variant: string): Promise<Loaded>;
  /** A fresh sequence of `count` tokens, until the next token is known. */
  prefill(count: number): Promise<Timed>;
  /** `steps` tokens one after the other behind a sequence of `context` tokens. */
  decode(context: number, steps: number): Promise<Timed>;
  /** What our engines measure of themselves, before weights are there, to choose among each other. */
  profile?(): Promise<{ engine: string; decodeMs: number }>;
}

export interface Loaded {
  /** What really runs, as it says itself. */
  backend: string;
  /** From the file's bytes in memory to the first token that could be asked for, ms. */
  loadMs: number;
}

export interface Timed {
  /** Of the whole prefill, or the median of a decoded token. */
  ms: number;
  /** What the engine expects next, for comparing engines; empty where it cannot be told. */
  ids: number[];
  /** Tokens that a prefill really had: some engines only take text. */
  count: number;
  /** From the call to the end of the last submission, where it can be told, ms. */
  encodeMs?: number;
  /** What a token takes beyond the kernels' own time, where it can be told, ms. */
  overheadMs?: number;
}

/** The same tokens for every engine, within any vocabulary of more than 300, none of them special. */
export function promptIds(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? 1 : 3 + ((i * 37) % 256)));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
