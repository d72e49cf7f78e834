import type { AppError } from '../shared/errors.ts';
import type { Plan } from '../shared/model/plan.ts';
import { EMPTY_SEQUENCE, type SequenceState } from './sequence.ts';

/** What a chat's side keeps of one conversation. */
export interface Conversation {
  /** The sequence's number on the wire; a new one whenever it is uncertain what the stages hold. */
  sequence: number;
  state: SequenceState;
  /** The plan of the feed in progress. */
  busyUnder: Plan | null;
  /** What it was fed with last: one object for each answer. */
  answer: FeedOptions | null;
  /** What happened between two tokens of that answer. */
  interruptedBy: AppError | null;
  /** What happened while this device itself was at a token: its stages have let go of the sequence. */
  lostBy: AppError | null;
}

/** One object for all tokens of an answer. */
export interface FeedOptions {
  signal: AbortSignal;
  /** The answer is interrupted by this, and goes on as soon as it can. */
  onInterrupted?(error: AppError): void;
}

export function newConversation(sequence: number): Conversation {
  return { sequence, state: EMPTY_SEQUENCE, busyUnder: null, answer: null, interruptedBy: null, lostBy: null };
}

/** What happened since the last token, if that was one of the same answer. */
export function takeInterruption(conversation: Conversation, options: FeedOptions): AppError | null {
  const { answer, interruptedBy } = conversation;
  conversation.answer = options;
  conversation.interruptedBy = null;
  return answer === options ? interruptedBy : null;
}
