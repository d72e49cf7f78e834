import { AppError } from '../shared/errors.ts';
import { HEAD_REPLY_BYTES, type HeadAsk, type HeadRow } from '../shared/model/head-row.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ReplyFrame } from '../shared/protocol/frame.ts';
import { stopped, unlessAborted } from './abort.ts';
import type { ReplyWaiter } from './reply-waiter.ts';
import { endOfPass } from './senders.ts';
import type { Pass } from './sequence.ts';
import type { SourcePart, StepRequest } from './source-part.ts';
import type { Transport } from './transport.ts';

export interface PassRunnerOptions {
  transport: Transport;
  source: SourcePart;
  dim: number;
  /** Of a full row of logits. */
  vocabSize: number;
}

/** Tokens of one sequence to run under one plan. */
interface Feed {
  sequence: number;
  plan: Plan;
  passes: readonly Pass[];
  step: StepRequest;
  signal: AbortSignal;
  /** Throws when nothing more may be sent. */
  check(): void;
}

interface SentPass {
  request: number;
  reply: Promise<ReplyFrame>;
}

/** Sends passes into the stages of a plan and waits for their replies. */
export class PassRunner {
  private readonly options: PassRunnerOptions;
  private readonly replies: ReplyWaiter;

  constructor(options: PassRunnerOptions, replies: ReplyWaiter) {
    this.options = options;
    this.replies = replies;
  }

  /** Keeps at most a few passes in flight: enough for every stage to have one at work and one waiting. */
  async run(feed: Feed): Promise<HeadRow> {
    const { plan, passes, step, signal } = feed;
    const inFlightLimit = plan.stages.length + 1;
    const sent: SentPass[] = [];
    try {
      for (const pass of passes) {
        if (sent.length >= inFlightLimit) await unlessAborted(sent[sent.length - inFlightLimit]!.reply, signal);
        if (signal.aborted) throw stopped();
        sent.push(await this.send(feed, pass, pass === passes.at(-1) ? step : null));
      }
      const all = await unlessAborted(Promise.all(sent.map(({ reply }) => reply)), signal);
      return await unlessAborted(this.rowOf(all.at(-1), step), signal);
    } finally {
      for (const { request } of sent) this.replies.forget(request);
    }
  }

  /** Resolves once the pass is on its way; the reply follows in its own promise, so that passes keep their order. */
  private async send({ sequence, plan, signal, check }: Feed, pass: Pass, step: StepRequest | null): Promise<SentPass> {
    const { transport, source, dim } = this.options;
    const rows = pass.tokens.length;
    const hidden = await unlessAborted(source.enter(sequence, pass.position, pass.tokens), signal); // (rows, dim)
    check();
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
}
