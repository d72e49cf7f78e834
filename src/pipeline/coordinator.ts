import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ReplyFrame, ReplyRow } from '../shared/protocol/frame.ts';
import { CurrentPlan, type Patience } from './current-plan.ts';
import { REBUILD_PATIENCE_MS, rebuildAfterEpoch } from './rebuild.ts';
import { ReplyWaiter } from './reply-waiter.ts';
import { EMPTY_SEQUENCE, type Pass, passesFor, type SequenceState, underPlan } from './sequence.ts';
import { stageOf } from './state.ts';
import type { Transport } from './transport.ts';

/** Which logits a step needs besides the largest. */
export interface StepRequest {
  wantIds: Uint32Array;
  invTemperature: number;
  fullRow: boolean;
}

const NO_LOGITS: StepRequest = { wantIds: new Uint32Array(0), invTemperature: 1, fullRow: false };

export interface CoordinatorOptions {
  transport: Transport;
  /** Embeds on this device, so that no other sees token ids. (tokens) -> (tokens, dim) */
  embed(tokens: readonly number[]): Promise<Float32Array>;
  dim: number;
  nLayers: number;
  /** Milliseconds, from a clock that hidden tabs do not slow. */
  now(): number;
  /** No sequence of this source needs a plan before `epoch` any more. */
  onMoved(epoch: number): void;
}

interface Conversation {
  /** The sequence's number on the wire; a new one whenever it is uncertain what the stages hold. */
  sequence: number;
  state: SequenceState;
  /** The plan of the feed in progress. */
  busyUnder: Plan | null;
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
  private readonly conversations = new Map<ConversationId, Conversation>();
  private readonly plan = new CurrentPlan();
  private movedEpoch = 0;
  private nextConversation = 1;
  private nextSequence = 1;

  constructor(options: CoordinatorOptions) {
    this.options = options;
    this.replies = new ReplyWaiter(options.now);
  }

  open(): ConversationId {
    const id = this.nextConversation++;
    this.conversations.set(id, { sequence: this.nextSequence++, state: EMPTY_SEQUENCE, busyUnder: null });
    return id;
  }

  close(id: ConversationId): void {
    const conversation = this.conversations.get(id);
    if (!conversation) return;
    this.free(conversation);
    this.conversations.delete(id);
    this.reportIfMoved();
  }

  /** The plan that new tokens run under; null while the room has none. Answers in progress move at their next token. */
  setPlan(plan: Plan | null): void {
    if (plan) {
      for (const conversation of this.conversations.values()) {
        if (!conversation.busyUnder) conversation.state = underPlan(conversation.state, plan);
      }
    }
    this.plan.set(plan);
    this.reportIfMoved();
  }

  /**
   * Runs what the stages have not seen of `tokens` and returns the logits after the last one. When a device has lost what
   * it held, the sequence is rebuilt under the next plan.
   * @throws AppError context-full, peer-lost, stage-failed and whatever else a stage reports; `stopped` when aborted.
   */
  async feed(id: ConversationId, tokens: readonly number[], step: StepRequest, signal: AbortSignal): Promise<ReplyRow> {
    const conversation = this.conversations.get(id);
    if (!conversation) throw new AppError('internal', `conversation ${id} is closed`);
    let afterEpoch = 0;
    let patience: Patience | null = null;
    for (let rebuilds = 0; ; rebuilds++) {
      const plan = await this.plan.newerThan(afterEpoch, signal, patience);
      try {
        return await this.feedUnder(plan, conversation, tokens, step, signal);
      } catch (thrown) {
        const error = AppError.from(thrown);
        const epoch = rebuildAfterEpoch(error, plan, rebuilds);
        if (epoch === null) throw error;
        afterEpoch = epoch;
        patience = { untilMs: this.options.now() + REBUILD_PATIENCE_MS, error };
      }
    }
  }

  handleReply(reply: ReplyFrame): void {
    this.replies.resolve(reply);
  }

  handleStageError(request: number, error: AppError): void {
    this.replies.reject(request, error);
  }

  /** Fails every answer that needs a peer that is gone. */
  peerLost(peerId: PeerId, name: string): void {
    const error = new AppError('peer-lost', `${name} left in mid-answer: the room plans anew, please ask again`);
    this.replies.rejectWhere((plan) => stageOf(plan, peerId) !== null, error);
    for (const conversation of this.conversations.values()) {
      const { plan } = conversation.state;
      if (plan && stageOf(plan, peerId) && !conversation.busyUnder) this.startOver(conversation);
    }
  }

  /** Called every half second by the worker's clock. */
  tick(): void {
    this.replies.expire();
    this.plan.expire(this.options.now());
  }

  private async feedUnder(
    plan: Plan,
    conversation: Conversation,
    tokens: readonly number[],
    step: StepRequest,
    signal: AbortSignal,
  ): Promise<ReplyRow> {
    if (tokens.length > plan.contextLength) {
      throw new AppError('context-full', `${tokens.length} tokens are more than this room's context of ${plan.contextLength}`);
    }
    const state = underPlan(conversation.state, plan);
    conversation.busyUnder = plan;
    this.reportIfMoved();
    try {
      const row = await this.runPasses(conversation.sequence, plan, passesFor(state, tokens, this.options.nLayers), step, signal);
      // A copy: the caller goes on writing to its list, the stages have seen only this much.
      conversation.state = underPlan({ tokens: [...tokens], plan, staleUntil: 0 }, this.plan.value ?? plan);
      return row;
    } catch (error) {
      this.startOver(conversation);
      throw error;
    } finally {
      conversation.busyUnder = null;
      this.reportIfMoved();
    }
  }

  /** Keeps at most a few passes in flight: enough for every stage to have one at work and one waiting. */
  private async runPasses(
    sequence: number,
    plan: Plan,
    passes: Pass[],
    step: StepRequest,
    signal: AbortSignal,
  ): Promise<ReplyRow> {
    const inFlightLimit = plan.stages.length + 1;
    const replies: Promise<ReplyFrame>[] = [];
    for (const pass of passes) {
      if (replies.length >= inFlightLimit) await replies[replies.length - inFlightLimit];
      if (signal.aborted) throw new AppError('stopped', 'stopped');
      const { reply } = await this.send(sequence, plan, pass, pass === passes.at(-1) ? step : null);
      replies.push(reply);
    }
    const all = await Promise.all(replies);
    const row = all.at(-1)?.rows[0];
    if (!row) throw new AppError('stage-failed', 'the last device sent no logits');
    return row;
  }

  /** Resolves once the pass is on its way; the reply follows in its own promise, so that passes keep their order. */
  private async send(
    sequence: number,
    plan: Plan,
    pass: Pass,
    step: StepRequest | null,
  ): Promise<{ reply: Promise<ReplyFrame> }> {
    const { transport, dim } = this.options;
    const hidden = await this.options.embed(pass.tokens); // (rows, dim)
    const { request, reply } = this.replies.expect(plan, pass.tokens.length);
    reply.catch(() => undefined); // whoever awaits it reports it; until then it must not count as unhandled
    transport.sendFrame(plan.stages[0]!.peerId, {
      kind: 'forward',
      epoch: plan.epoch,
      source: transport.selfId,
      sequence,
      request,
      position: pass.position,
      rows: pass.tokens.length,
      headRows: step ? 1 : 0,
      untilLayer: pass.untilLayer,
      ...(step ?? NO_LOGITS),
      dtype: plan.wireDtype,
      dim,
      hidden,
    });
    return { reply };
  }

  private startOver(conversation: Conversation): void {
    this.free(conversation);
    conversation.sequence = this.nextSequence++;
    conversation.state = EMPTY_SEQUENCE;
  }

  private free(conversation: Conversation): void {
    for (const stage of conversation.state.plan?.stages ?? []) {
      try {
        this.options.transport.sendMessage(stage.peerId, { kind: 'free', sequence: conversation.sequence });
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
