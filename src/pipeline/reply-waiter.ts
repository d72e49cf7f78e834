import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ReplyFrame } from '../shared/protocol/frame.ts';

/** A reply that takes longer than this beyond what the plan predicts will not come, ms. */
export const REPLY_TIMEOUT_MS = 60_000;
/** How far off a prediction may be: a large model on slow devices takes minutes for a chunk of a prompt. */
const PREDICTION_SLACK = 4;

/** A pass on its way through the stages. */
export interface PendingPass {
  request: number;
  plan: Plan;
  /** Of this pass, and of those that were on their way under this plan when it was sent. */
  rows: number;
  /** Of its reply, in rows of the usual size. */
  replyRows: number;
  /** The one stage whose reply counts. */
  endsAt: PeerId;
  sentMs: number;
}

/** A pass that is about to be sent. */
export type Expected = Pick<PendingPass, 'plan' | 'rows' | 'replyRows' | 'endsAt'>;

interface Pending extends PendingPass {
  ownRows: number;
  resolve(reply: ReplyFrame): void;
  reject(error: AppError): void;
}

/** The passes of one source that are on their way through the stages. */
export class ReplyWaiter {
  private readonly pending = new Map<number, Pending>();
  private readonly now: () => number;

  constructor(now: () => number) {
    this.now = now;
  }

  /** The pass that has been on its way for longest. */
  get oldest(): PendingPass | null {
    const [first] = this.pending.values();
    return first ?? null;
  }

  expect({ plan, rows: ownRows, replyRows, endsAt }: Expected): { request: number; reply: Promise<ReplyFrame> } {
    const request = this.unusedRequest();
    const ahead = [...this.pending.values()].filter((pass) => pass.plan.epoch === plan.epoch);
    const rows = ahead.reduce((sum, pass) => sum + pass.ownRows, ownRows);
    const reply = new Promise<ReplyFrame>((resolve, reject) => {
      this.pending.set(request, { request, plan, ownRows, rows, replyRows, endsAt, sentMs: this.now(), resolve, reject });
    });
    return { request, reply };
  }

  get(request: number): PendingPass | null {
    return this.pending.get(request) ?? null;
  }

  resolve(reply: ReplyFrame): void {
    this.pending.get(reply.request)?.resolve(reply);
    this.pending.delete(reply.request);
  }

  reject(request: number, error: AppError): void {
    this.pending.get(request)?.reject(error);
    this.pending.delete(request);
  }

  rejectWhere(isLost: (pass: PendingPass) => boolean, error: AppError): void {
    for (const pass of this.pending.values()) if (isLost(pass)) this.reject(pass.request, error);
  }

  /** Nobody waits for the reply any more. */
  forget(request: number): void {
    this.pending.delete(request);
  }

  expire(): void {
    const nowMs = this.now();
    for (const { request, plan, rows, sentMs } of this.pending.values()) {
      if (nowMs <= sentMs + REPLY_TIMEOUT_MS + PREDICTION_SLACK * rows * plan.predicted.msPerToken) continue;
      const waitedMs = Math.round((nowMs - sentMs) / 1000) * 1000;
      const message = `there was no answer from the room's devices for ${waitedMs / 1000} s`;
      this.reject(request, new AppError('stage-failed', message, { values: { waitedMs } }));
    }
  }

  /** Random, so that a device which is no stage of the plan cannot name it. */
  private unusedRequest(): number {
    for (;;) {
      const [request] = crypto.getRandomValues(new Uint32Array(1));
      if (!this.pending.has(request!)) return request!;
    }
  }
}
