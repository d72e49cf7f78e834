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

/** A room of 64 devices takes half a second. What takes longer than this holds up all other rooms, ms. */
const PLANNING_LIMIT_MS = 10_000;

interface Waiting {
  roomCode: string;
  problem: PlanningProblem;
  resolve(result: PlanResult | null): void;
}

/**
 * Plans in a worker thread, one request at a time, so that a hard room never holds up the others' signals. Rooms take turns: one that asks
 * again goes behind all that wait. A request that takes too long ends its worker.
 */
export class WorkerPlanner implements PlannerRunner {
  private readonly workerFile: URL;
  private readonly limitMs: number;
  private worker: Worker | null = null;
  private nextId = 1;
  private active: (Waiting & { id: number; limit: NodeJS.Timeout }) | null = null;
  /** One request a room; Map keeps the rooms in the order in which they asked. */
  private readonly queue = new Map<string, Waiting>();

  constructor(workerFile: URL, limitMs = PLANNING_LIMIT_MS) {
    this.workerFile = workerFile;
    this.limitMs = limitMs;
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
    clearTimeout(this.active?.limit);
    this.active?.resolve(null);
    this.active = null;
    await this.worker?.terminate();
  }

  private next(): void {
    const [first] = this.queue.values();
    if (this.active || !first) return;
    this.queue.delete(first.roomCode);
    const id = this.nextId++;
    const limit = setTimeout(() => this.tooLate(id), this.limitMs);
    limit.unref();
    this.active = { ...first, id, limit };
    const request: PlanRequest = { id, problem: first.problem };
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
    const { resolve, limit } = this.active;
    clearTimeout(limit);
    this.active = null;
    resolve(reply.result);
    this.next();
  }

  private tooLate(id: number): void {
    const { worker } = this;
    this.worker = null;
    void worker?.terminate();
    const seconds = this.limitMs / 1000;
    const error = new AppError('planning-timeout', `planning this room took longer than ${seconds} s`, {
      values: { allowedMs: 1000 * seconds },
    });
    this.settle({ id, result: { ok: false, error: error.toReport() } });
  }

  /** The request that killed the worker fails; the next one starts a new worker. */
  private lost(worker: Worker, error: Error): void {
    if (this.worker !== worker) return;
    this.worker = null;
    const id = this.active?.id;
    const report = new AppError('internal', `planning failed: ${error.message}`).toReport();
    if (id !== undefined) this.settle({ id, result: { ok: false, error: report } });
  }
}
