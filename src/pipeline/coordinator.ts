import { AppError, type ErrorCode } from '../shared/errors.ts';
import type { HeadAsk, HeadRow } from '../shared/model/head-row.ts';
import { HEAD_REPLY_BYTES } from '../shared/model/head-row.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ReplyFrame } from '../shared/protocol/frame.ts';
import { stopped, unlessAborted } from './abort.ts';
import type { AwakeClock } from './awake-clock.ts';
import { CurrentPlan, type Patience } from './current-plan.ts';
import { hopelessMs, RECOVERY_PATIENCE_MS, type Recovery, recoveryFrom } from './recovery.ts';
import { ReplyWaiter } from './reply-waiter.ts';
import { endOfPass, mayReportError } from './senders.ts';
import { EMPTY_SEQUENCE, type Pass, passesFor, type SequenceState, underPlan } from './sequence.ts';
import type { SourcePart, StepRequest } from './source-part.ts';
import { stageOf } from './state.ts';
import { type Traced, Tracer } from './tracer.ts';
import type { Transport } from './transport.ts';

export interface CoordinatorOptions {
  transport: Transport;
  source: SourcePart;
  dim: number;
  nLayers: number;
  /** Of a full row of logits. */
  vocabSize: number;
  awake: AwakeClock;
  /** No sequence of this source needs a plan before `epoch` any more. */
  onMoved(epoch: number): void;
  /** This stage does not come back from a pass: the room should plan without it. */
  onHung(epoch: number, peerId: PeerId): void;
  /** A reply or an error of somebody who has no business in the pass was dropped. */
  onRefused(from: PeerId): void;
}

interface Conversation {
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

/** Names a conversation to the coordinator. */
export type ConversationId = number;

/** One object for all tokens of an answer. */
export interface FeedOptions {
  signal: AbortSignal;
  /** The answer is interrupted by this, and goes on as soon as it can. */
  onInterrupted?(error: AppError): void;
}

/**
 * A chat's side of the pipeline: feeds tokens to the stages and brings the logits of the last one back. It knows what
 * the stages have seen of each conversation, so that a follow-up runs only its new tokens, and moves a conversation to a
 * new plan between two tokens.
 */
export class Coordinator {
  private readonly options: CoordinatorOptions;
  private readonly replies: ReplyWaiter;
  private readonly tracer: Tracer;
  private readonly conversations = new Map<ConversationId, Conversation>();
  private readonly plan = new CurrentPlan();
  private ended: AppError | null = null;
  private movedEpoch = 0;
  private nextConversation = 1;
  /**
   * Never one that this tab has used before, under whatever settings: stages drop what still comes of a freed sequence, and the last words
   * of one coordinator may reach them after the first ones of the next.
   */
  private nextSequence = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.replies = new ReplyWaiter(() => options.awake.ms);
    this.tracer = new Tracer(options.transport);
  }

  open(): ConversationId {
    const id = this.nextConversation++;
    const sequence = this.nextSequence++;
    this.conversations.set(id, {
      sequence,
      state: EMPTY_SEQUENCE,
      busyUnder: null,
      answer: null,
      interruptedBy: null,
      lostBy: null,
    });
    return id;
  }

  close(id: ConversationId): void {
    const conversation = this.conversations.get(id);
    if (!conversation) return;
    this.free(conversation);
    this.conversations.delete(id);
    this.reportIfMoved();
  }

  /**
   * The plan that new tokens run under; null while the room has none. Answers in progress move at their next token.
   * @param isHopeless there is none, and the room says that none can be made
   */
  setPlan(plan: Plan | null, isHopeless = false): void {
    if (plan) {
      for (const conversation of this.conversations.values()) {
        if (!conversation.busyUnder) conversation.state = underPlan(conversation.state, plan);
      }
    }
    this.plan.set(plan, isHopeless);
    this.reportIfMoved();
  }

  /**
   * Runs what the stages have not seen of `tokens` and returns the logits after the last one. When a device hangs, leaves, or has
   * lost what it held, the answer goes on by itself: with the pass run again, or the sequence rebuilt.
   * @throws AppError context-full, and what a stage reports where that cannot be mended; `stopped` when aborted; what `end` was told
   */
  async feed(id: ConversationId, tokens: readonly number[], step: StepRequest, options: FeedOptions): Promise<HeadRow> {
    const conversation = this.conversations.get(id);
    if (!conversation) throw new AppError('internal', `conversation ${id} is closed`);
    if (tokens.length === 0) throw new AppError('bad-message', 'there is no token to go on from');
    const before = takeInterruption(conversation, options);
    if (before) options.onInterrupted?.(before);
    let isWanted: (plan: Plan) => boolean = () => true;
    // Before the first token a room may load for as long as it takes, unless it says that it cannot be planned.
    const error = before ?? new AppError('no-plan', 'the room has no plan');
    const untilMs = before ? this.options.awake.ms + RECOVERY_PATIENCE_MS : Number.POSITIVE_INFINITY;
    let patience: Patience = { untilMs, hopelessMs: hopelessMs(error), error };
    for (const failures: ErrorCode[] = []; ; ) {
      const plan = await this.plan.when(isWanted, options.signal, patience);
      try {
        return await this.feedUnder(plan, conversation, tokens, step, options.signal);
      } catch (thrown) {
        const error = AppError.from(thrown);
        const recovery = this.ended || options.signal.aborted ? null : recoveryFrom(error, failures);
        failures.push(error.code);
        if (recovery?.kind !== 'repeat') this.startOver(conversation, plan);
        if (!recovery) throw this.ended ?? error;
        options.onInterrupted?.(error);
        isWanted = this.wish(recovery, plan);
        patience = { untilMs: this.options.awake.ms + RECOVERY_PATIENCE_MS, hopelessMs: hopelessMs(error), error };
      }
    }
  }

  handleReply(from: PeerId, reply: ReplyFrame): void {
    const pass = this.replies.get(reply.request);
    // A reply that comes after its answer was stopped is late, not forged.
    if (!pass) return;
    if (pass.endsAt !== from || pass.plan.epoch !== reply.epoch) this.options.onRefused(from);
    else this.replies.resolve(reply);
  }

  handleStageError(from: PeerId, request: number, error: AppError): void {
    const pass = this.replies.get(request);
    if (!pass) return;
    if (mayReportError(pass.plan, from)) this.replies.reject(request, error);
    else this.options.onRefused(from);
  }

  handleTraced(from: PeerId, traced: Traced): void {
    this.tracer.hear(from, traced);
  }

  /** The link to a device is gone: what was on its way over it may be lost. */
  peerLost(peerId: PeerId, name: string): void {
    const error = new AppError('peer-lost', `${name} left in mid-answer`, { values: { name } });
    this.replies.rejectWhere(({ plan }) => stageOf(plan, peerId) !== null, error);
    for (const conversation of this.conversations.values()) {
      const { plan } = conversation.state;
      const { busyUnder } = conversation;
      if (busyUnder) {
        if (stageOf(busyUnder, peerId)) conversation.lostBy = error;
        continue;
      }
      if (!plan || !stageOf(plan, peerId)) continue;
      conversation.interruptedBy = error;
      this.startOver(conversation, null);
    }
  }

  /** A link is there, perhaps again. */
  linkOpened(): void {
    this.plan.look();
  }

  /** Called every half second by the worker's clock. */
  tick(): void {
    const nowMs = this.options.awake.ms;
    this.replies.expire();
    this.plan.tick(nowMs);
    const { oldest } = this.replies;
    const verdict = this.tracer.tick(oldest, nowMs);
    if (!oldest || verdict.kind === 'wait') return;
    if (verdict.kind === 'lost') {
      this.replies.reject(oldest.request, new AppError('frame-lost', 'a pass was lost on its way through the devices'));
      return;
    }
    const error = new AppError('stage-hung', `device ${verdict.peerId} does not come back from a pass`);
    this.options.onHung(oldest.plan.epoch, verdict.peerId);
    this.replies.rejectWhere(({ plan }) => plan.epoch === oldest.plan.epoch, error);
  }

  /** Ends everything that this source runs or waits for: nothing of it is settled by anybody else any more. */
  end(error: AppError): void {
    this.ended = error;
    this.replies.rejectWhere(() => true, error);
    this.plan.end(error);
    for (const id of [...this.conversations.keys()]) this.close(id);
  }

  private wish(recovery: Recovery, failed: Plan): (plan: Plan) => boolean {
    const { samePlan } = recovery;
    if (samePlan === 'never') return (plan) => plan.epoch > failed.epoch;
    if (samePlan === 'when-reached') return (plan) => plan.epoch > failed.epoch || this.isReachable(plan);
    const atMs = this.options.awake.ms + samePlan.afterMs;
    return (plan) => plan.epoch > failed.epoch || this.options.awake.ms >= atMs;
  }

  private isReachable(plan: Plan): boolean {
    return plan.stages.every(({ peerId }) => this.options.transport.isOpen(peerId));
  }

  private async feedUnder(
    plan: Plan,
    conversation: Conversation,
    tokens: readonly number[],
    step: StepRequest,
    signal: AbortSignal,
  ): Promise<HeadRow> {
    if (tokens.length > plan.contextLength) {
      const values = { askedTokens: tokens.length, contextTokens: plan.contextLength };
      const message = `${tokens.length} tokens are more than this room's context of ${plan.contextLength} tokens`;
      throw new AppError('context-full', message, { values });
    }
    // Sent all the same, a pass would be dropped by the stage that cannot answer, and nobody could ask that one about it.
    if (!this.isReachable(plan)) throw new AppError('peer-lost', 'this chat has no link to one of the stages');
    const state = underPlan(conversation.state, plan);
    conversation.busyUnder = plan;
    conversation.lostBy = null;
    this.reportIfMoved();
    try {
      const passes = passesFor(state, tokens, this.options.nLayers);
      const row = await this.runPasses(conversation, plan, passes, step, signal);
      if (conversation.lostBy) throw conversation.lostBy;
      // A copy: the caller goes on writing to its list, the stages have seen only this much.
      conversation.state = underPlan({ tokens: [...tokens], plan, staleUntil: 0 }, this.plan.value ?? plan);
      return row;
    } finally {
      conversation.busyUnder = null;
      this.reportIfMoved();
    }
  }

  /** Keeps at most a few passes in flight: enough for every stage to have one at work and one waiting. */
  private async runPasses(
    conversation: Conversation,
    plan: Plan,
    passes: Pass[],
    step: StepRequest,
    signal: AbortSignal,
  ): Promise<HeadRow> {
    const inFlightLimit = plan.stages.length + 1;
    const sent: SentPass[] = [];
    try {
      for (const pass of passes) {
        if (sent.length >= inFlightLimit) await unlessAborted(sent[sent.length - inFlightLimit]!.reply, signal);
        if (signal.aborted) throw stopped();
        sent.push(await this.send(conversation, plan, pass, pass === passes.at(-1) ? step : null, signal));
      }
      const all = await unlessAborted(Promise.all(sent.map(({ reply }) => reply)), signal);
      return await unlessAborted(this.rowOf(all.at(-1), step), signal);
    } finally {
      for (const { request } of sent) this.replies.forget(request);
    }
  }

  /** Resolves once the pass is on its way; the reply follows in its own promise, so that passes keep their order. */
  private async send(
    conversation: Conversation,
    plan: Plan,
    pass: Pass,
    step: StepRequest | null,
    signal: AbortSignal,
  ): Promise<SentPass> {
    const { transport, source, dim } = this.options;
    const { sequence } = conversation;
    const rows = pass.tokens.length;
    const hidden = await unlessAborted(source.enter(sequence, pass.position, pass.tokens), signal); // (rows, dim)
    if (this.ended) throw this.ended;
    if (conversation.lostBy) throw conversation.lostBy;
    const replyRows = step?.fullRow ? (4 * this.options.vocabSize) / HEAD_REPLY_BYTES : 1;
    const { request, reply } = this.replies.expect({ plan, rows, replyRows, endsAt: endOfPass(plan, pass.untilLayer).peerId });
    reply.catch(() => undefined); // whoever awaits it reports it; until then it must not count as unhandled
    const heads: HeadAsk[] = step ? [{ row: rows - 1, ...step }] : [];
    try {
      transport.sendFrame(plan.stages[0]!.peerId, {
        kind: 'forward',
        epoch: plan.epoch,
        untilLayer: pass.untilLayer,
        runs: [{ source: transport.selfId, request, sequence, position: pass.position, rows }],
        heads,
        trail: [],
        dtype: plan.wireDtype,
        dim,
        hidden,
      });
    } catch (thrown) {
      this.replies.forget(request);
      throw thrown;
    }
    return { request, reply };
  }

  /** The logits that the last stage sent, or that this device makes of the hidden state that it sent. */
  private async rowOf(reply: ReplyFrame | undefined, step: StepRequest): Promise<HeadRow> {
    const { source, dim } = this.options;
    const row = reply?.rows[0];
    if (row && !source.hasHead) return row;
    const hidden = reply?.hidden;
    if (source.hasHead && hidden?.values.length === dim) return source.leave(hidden.values, step);
    throw new AppError('stage-failed', 'the last device sent no logits');
  }

  /** @param plan that the sequence was fed under when it failed: its stages may hold parts of it */
  private startOver(conversation: Conversation, plan: Plan | null): void {
    this.free(conversation, plan);
    conversation.sequence = this.nextSequence++;
    conversation.state = EMPTY_SEQUENCE;
  }

  private free({ sequence, state, busyUnder }: Conversation, failed: Plan | null = null): void {
    this.options.source.free(sequence);
    const plans = [state.plan, busyUnder, failed].filter((plan) => plan !== null);
    for (const peerId of new Set(plans.flatMap(({ stages }) => stages.map((stage) => stage.peerId)))) {
      try {
        this.options.transport.sendMessage(peerId, { kind: 'free', sequence });
      } catch {
        // A stage that cannot be reached frees all sequences of a source whose link it has lost.
      }
    }
  }

  private reportIfMoved(): void {
    const plan = this.plan.value;
    if (!plan || plan.epoch <= this.movedEpoch) return;
    const behind = [...this.conversations.values()].some(({ busyUnder }) => busyUnder && busyUnder.epoch < plan.epoch);
    if (behind) return;
    this.movedEpoch = plan.epoch;
    this.options.onMoved(plan.epoch);
  }
}

/** What happened since the last token, if that was one of the same answer. */
function takeInterruption(conversation: Conversation, options: FeedOptions): AppError | null {
  const { answer, interruptedBy } = conversation;
  conversation.answer = options;
  conversation.interruptedBy = null;
  return answer === options ? interruptedBy : null;
}

interface SentPass {
  request: number;
  reply: Promise<ReplyFrame>;
}
