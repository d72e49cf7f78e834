import { Worker } from 'node:worker_threads';
import { AppError } from '../src/shared/errors.ts';
import { planRoom } from '../src/shared/planner/plan.ts';
import type { PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';
import { type Clock, systemClock } from './clock.ts';

/** The largest rooms take about a second, and a busy machine some more: what takes longer will not end. */
export const PLANNING_LIMIT_MS = 10_000;

/** Where plans are made. */
export interface PlannerRunner {
  /** Answers with null when a newer request of the same room took this one's place. Never rejects. */
  plan(roomCode: string, problem: PlanningProblem): Promise<PlanResult | null>;
  close(): Promise<void>;
}

export interface PlanRequest {
  id: number;
  problem: PlanningProblem;
}

export interface PlanReply {
  id: number;
  result: PlanResult;
}

/** Plans on the calling thread: for tests, and where nothing else waits for it. */
export const inProcessPlanner: PlannerRunner = {
  plan: async (_roomCode, problem) => planRoom(problem),
  close: async () => {},
};

interface Waiting {
  roomCode: string;
  problem: PlanningProblem;
  resolve(result: PlanResult | null): void;
}

/**
 * Plans in a worker thread, one request at a time, so that a hard room never holds up the others' signals. Rooms take turns: one
 * that asks again and again waits for all that asked before, and a request that takes longer than the limit fails with
 * `planning-timeout`.
 */
export class WorkerPlanner implements PlannerRunner {
  private readonly workerFile: URL;
  private readonly limitMs: number;
  private readonly clock: Clock;
  private worker: Worker | null = null;
  private nextId = 1;
  private active: (Waiting & { id: number; cancelLimit: () => void }) | null = null;
  /** One request a room; Map keeps the rooms in the order in which they asked. */
  private readonly queue = new Map<string, Waiting>();

  constructor(workerFile: URL, limitMs = PLANNING_LIMIT_MS, clock: Clock = systemClock) {
    this.workerFile = workerFile;
    this.limitMs = limitMs;
    this.clock = clock;
  }

  plan(roomCode: string, problem: PlanningProblem): Promise<PlanResult | null> {
    return new Promise((resolve) => {
      this.queue.get(roomCode)?.resolve(null);
      this.queue.set(roomCode, { roomCode, problem, resolve });
      this.next();
    });
  }

  async close(): Promise<void> {
    for (const waiting of this.queue.values()) waiting.resolve(null);
    this.queue.clear();
    this.active?.cancelLimit();
    this.active?.resolve(null);
    this.active = null;
    await this.worker?.terminate();
  }

  private next(): void {
    const [first] = this.queue.values();
    if (this.active || !first) return;
    this.queue.delete(first.roomCode);
    const request: PlanRequest = { id: this.nextId++, problem: first.problem };
    const cancelLimit = this.clock.after(this.limitMs, () => this.giveUp());
    this.active = { ...first, id: request.id, cancelLimit };
    this.workerThread().postMessage(request);
  }

  private workerThread(): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(this.workerFile);
    worker.unref();
    worker.on('message', (reply: PlanReply) => this.settle(reply));
    worker.on('error', (error) => this.lost(worker, error));
    this.worker = worker;
    return worker;
  }

  private settle(reply: PlanReply): void {
    if (this.active?.id !== reply.id) return;
    const { resolve, cancelLimit } = this.active;
    cancelLimit();
    this.active = null;
    resolve(reply.result);
    this.next();
  }

  /** Nothing but the end of its thread stops a computation. */
  private giveUp(): void {
    const { worker } = this;
    this.worker = null;
    void worker?.terminate();
    this.fail(new AppError('planning-timeout', `no plan was found within ${this.limitMs / 1000} s`));
  }

  /** The request that killed the worker fails; the next one starts a new worker. */
  private lost(worker: Worker, error: Error): void {
    // One that was ended for its slowness has nothing to say of the request after.
    if (this.worker !== worker) return;
    this.worker = null;
    this.fail(new AppError('internal', `planning failed: ${error.message}`));
  }

  private fail(error: AppError): void {
    if (this.active) this.settle({ id: this.active.id, result: { ok: false, error: error.toReport() } });
  }
}
