import { divergence, joinedDivergence, logSumExp, type Summary, summary } from './divergence.ts';
import { type LlamaText, llamaTop } from './llama-fixture.ts';

/** How far something is from float64 over all positions of all texts. */
export interface Fidelity {
  /** Divergence from float64 over the whole vocabulary, nats; null where only the largest logits are known. */
  kl: Summary | null;
  /** With all tokens but llama.cpp's 32 largest taken as one: what can be compared with llama.cpp's own. */
  klJoined: Summary;
  /** exp of the mean of -ln p(next token). */
  perplexity: number;
  positions: number;
}

/** One text evaluated in float64: (tokens, vocabSize) and, per token, the log of the sum of exponentials. */
export interface ExactText {
  ids: readonly number[];
  vocabSize: number;
  logits: Float64Array;
  sums: Float64Array;
}

export function exactText(ids: readonly number[], logits: Float64Array): ExactText {
  const vocabSize = logits.length / ids.length;
  return { ids, vocabSize, logits, sums: Float64Array.from(ids, (_, i) => logSumExp(logits, i * vocabSize, vocabSize)) };
}

/** Adds up positions. `llama` chooses which tokens the joined divergence tells apart. */
export class FidelitySum {
  private readonly whole: number[] = [];
  private readonly joined: number[] = [];
  private lnSum = 0;
  private predicted = 0;

  /** @param rows logits of an engine after every token of the text */
  addEngine(text: ExactText, llama: LlamaText, rows: readonly (Float32Array | Float64Array)[]): void {
    for (const [i, row] of rows.entries()) {
      const sum = logSumExp(row, 0, text.vocabSize);
      this.whole.push(divergence(rowOf(text, i), row, 0, text.vocabSize));
      const { ids } = llamaTop(llama, i);
      this.addJoined(
        text,
        i,
        ids,
        Float64Array.from(ids, (id) => row[id]! - sum),
      );
      this.addNext(text, i, (next) => row[next]! - sum);
    }
  }

  addLlama(text: ExactText, llama: LlamaText): void {
    for (const i of text.ids.keys()) {
      const { ids, lnP } = llamaTop(llama, i);
      this.addJoined(text, i, ids, lnP);
      this.addNext(text, i, () => llama.nextLogits[i]! - llama.logSumExps[i]!);
    }
  }

  addExact(text: ExactText): void {
    for (const i of text.ids.keys()) {
      this.joined.push(0);
      this.addNext(text, i, (next) => rowOf(text, i)[next]! - text.sums[i]!);
    }
  }

  result(): Fidelity {
    return {
      kl: this.whole.length > 0 ? summary(this.whole) : null,
      klJoined: summary(this.joined),
      perplexity: Math.exp(-this.lnSum / this.predicted),
      positions: this.joined.length,
    };
  }

  private addJoined(text: ExactText, position: number, ids: Uint16Array, lnQ: Float64Array): void {
    const exact = rowOf(text, position);
    this.joined.push(
      joinedDivergence(
        Float64Array.from(ids, (id) => exact[id]! - text.sums[position]!),
        lnQ,
      ),
    );
  }

  private addNext(text: ExactText, position: number, lnOf: (next: number) => number): void {
    const next = text.ids[position + 1];
    if (next === undefined) return;
    this.lnSum += lnOf(next);
    this.predicted++;
  }
}

function rowOf({ logits, vocabSize }: ExactText, position: number): Float64Array {
  return logits.subarray(position * vocabSize, (position + 1) * vocabSize);
}
