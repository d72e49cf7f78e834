import { AppError, type ErrorCode } from '../shared/errors.ts';
import type { HeadRow } from '../shared/model/head-row.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ReplyFrame } from '../shared/protocol/frame.ts';
import type { AwakeClock } from './awake-clock.ts';
import { type Conversation, type FeedOptions, newConversation, takeInterruption } from './conversation.ts';
import { CurrentPlan, type Patience } from './current-plan.ts';
import { PassRunner, type PassRunnerOptions } from './pass-runner.ts';
import { hopelessMs, RECOVERY_PATIENCE_MS, type Recovery, recoveryFrom } from './recovery.ts';
import { ReplyWaiter } from './reply-waiter.ts';
import { mayReportError } from './senders.ts';
import { EMPTY_SEQUENCE, passesFor, underPlan } from './sequence.ts';
import { stageOf } from './served-plans.ts';
import type { StepRequest } from './source-part.ts';
import { type Traced, Tracer } from './tracer.ts';

export interface CoordinatorOptions extends PassRunnerOptions {
  nLayers: number;
  awake: AwakeClock;
  /** No sequence of this source needs a plan before `epoch` any more. */
  onMoved(epoch: number): void;
  /** This stage does not come back from a pass: the room should plan without it. */
  onHung(epoch: number, peerId: PeerId): void;
  /** A reply or an error of somebody who has no business in the pass was dropped. */
  onRefused(from: PeerId): void;
}

/** Names a conversation to the coordinator. */
export type ConversationId = number;

/**
 * A chat's side of the pipeline: feeds tokens to the stages and brings the logits of the last one back. It knows what
 * the stages have seen of each conversation, so that a follow-up runs only its new tokens, and moves a conversation to a
 * new plan between two tokens.
 */
export class Coordinator {
  private readonly options: CoordinatorOptions;
  private readonly replies: ReplyWaiter;
  private readonly runner: PassRunner;
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
    this.runner = new PassRunner(options, this.replies);
    this.tracer = new Tracer(options.transport);
  }

  open(): ConversationId {
    const id = this.nextConversation++;
    const sequence = this.nextSequence++;
    this.conversations.set(id, newConversation(sequence));
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
      const check = () => this.checkRunning(conversation);
      const row = await this.runner.run({ sequence: conversation.sequence, plan, passes, step, signal, check });
      if (conversation.lostBy) throw conversation.lostBy;
      // A copy: the caller goes on writing to its list, the stages have seen only this much.
      conversation.state = underPlan({ tokens: [...tokens], plan, staleUntil: 0 }, this.plan.value ?? plan);
      return row;
    } finally {
      conversation.busyUnder = null;
      this.reportIfMoved();
    }
  }

  /** @throws AppError when nothing more may be sent of it */
  private checkRunning({ lostBy }: Conversation): void {
    const error = this.ended ?? lostBy;
    if (error) throw error;
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
