import { Worker } from 'node:worker_threads';
import { AppError } from '../src/shared/errors.ts';
import { planRoom } from '../src/shared/planner/plan.ts';
import type { PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';

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

/** Plans in a worker thread, one request at a time, so that a hard room never holds up the others' signals. */
export class WorkerPlanner implements PlannerRunner {
  private readonly workerFile: URL;
  private worker: Worker | null = null;
  private nextId = 1;
  private active: (Waiting & { id: number }) | null = null;
  /** One request a room; Map keeps the rooms in the order in which they asked. */
  private readonly queue = new Map<string, Waiting>();

  constructor(workerFile: URL) {
    this.workerFile = workerFile;
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
    this.active?.resolve(null);
    this.active = null;
    await this.worker?.terminate();
  }

  private next(): void {
    const [first] = this.queue.values();
    if (this.active || !first) return;
    this.queue.delete(first.roomCode);
    this.active = { ...first, id: this.nextId++ };
    const request: PlanRequest = { id: this.active.id, problem: first.problem };
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
    const { resolve } = this.active;
    this.active = null;
    resolve(reply.result);
    this.next();
  }

  /** The request that killed the worker fails; the next one starts a new worker. */
  private lost(worker: Worker, error: Error): void {
    if (this.worker === worker) this.worker = null;
    const id = this.active?.id;
    const report = new AppError('internal', `planning failed: ${error.message}`).toReport();
    if (id !== undefined) this.settle({ id, result: { ok: false, error: report } });
  }
}
