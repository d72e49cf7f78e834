import { AppError } from '../shared/errors.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ReplyFrame } from '../shared/protocol/frame.ts';

/** A reply that takes longer than this beyond what the plan predicts will not come, ms. */
export const REPLY_TIMEOUT_MS = 60_000;
/** How far off a prediction may be: a large model on slow devices takes minutes for a chunk of a prompt. */
const PREDICTION_SLACK = 4;

interface Pending {
  plan: Plan;
  startMs: number;
  deadlineMs: number;
  resolve(reply: ReplyFrame): void;
  reject(error: AppError): void;
}

/** The requests of one source that are on their way through the stages. */
export class ReplyWaiter {
  private readonly pending = new Map<number, Pending>();
  private readonly now: () => number;
  private nextRequest = 1;

  constructor(now: () => number) {
    this.now = now;
  }

  /** @param rows how many tokens are on their way */
  expect(plan: Plan, rows: number): { request: number; reply: Promise<ReplyFrame> } {
    const request = this.nextRequest++;
    const reply = new Promise<ReplyFrame>((resolve, reject) => {
      this.pending.set(request, { plan, startMs: this.now(), deadlineMs: this.now() + timeoutMs(plan, rows), resolve, reject });
    });
    return { request, reply };
  }

  /** A reply nobody waits for, or of another plan than its request, changes nothing. */
  resolve(reply: ReplyFrame): void {
    const pending = this.pending.get(reply.request);
    if (pending?.plan.epoch !== reply.epoch) return;
    this.pending.delete(reply.request);
    pending.resolve(reply);
  }

  reject(request: number, error: AppError): void {
    this.pending.get(request)?.reject(error);
    this.pending.delete(request);
  }

  rejectWhere(isLost: (plan: Plan) => boolean, error: AppError): void {
    for (const [request, { plan }] of this.pending) if (isLost(plan)) this.reject(request, error);
  }

  expire(): void {
    for (const [request, { deadlineMs, startMs }] of this.pending) {
      if (this.now() <= deadlineMs) continue;
      this.reject(
        request,
        new AppError('stage-failed', `no answer from the room's devices for ${Math.round((this.now() - startMs) / 1000)} s`),
      );
    }
  }
}

function timeoutMs({ predicted }: Plan, rows: number): number {
  return REPLY_TIMEOUT_MS + PREDICTION_SLACK * rows * predicted.msPerToken;
}
