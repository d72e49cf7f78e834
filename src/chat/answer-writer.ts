import type { ChosenLogprob } from '../shared/model/generation.ts';
import { StreamDecoder } from '../tokenizer/stream-decoder.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { StopText } from './stop-text.ts';

export type OnText = (text: string, tokenIds: number[], logprobs: ChosenLogprob[]) => void;

/** Turns an answer's tokens into text as they come: whole characters, and nothing from a stop text on. */
export class AnswerWriter {
  private readonly tokenizer: Tokenizer;
  private readonly decoder: StreamDecoder;
  private readonly stops: StopText;
  private readonly onText: OnText;

  /** @param atStart the answer is a text of its own, not the continuation of one */
  constructor(tokenizer: Tokenizer, atStart: boolean, stops: readonly string[], onText: OnText) {
    this.tokenizer = tokenizer;
    this.decoder = new StreamDecoder(tokenizer, { atStart });
    this.stops = new StopText(stops);
    this.onText = onText;
  }

  /** @returns whether the answer ends with this token */
  push(token: number, logprobs: ChosenLogprob[] = []): boolean {
    const isEnd = this.tokenizer.isEndOfGeneration(token);
    this.onText(isEnd ? '' : this.stops.push(this.decoder.push(token)), [token], logprobs);
    return isEnd || this.stops.found;
  }

  /** Shows what was held back until it was clear that nothing follows. */
  end(): void {
    const rest = this.stops.push(this.decoder.end()) + this.stops.flush();
    if (rest !== '') this.onText(rest, [], []);
  }
}
