import { AppError } from '../shared/errors.ts';
import type { TemplateValues } from './render-template.ts';
import type { TemplateOutcome, TemplateTask } from './template-worker.ts';

/** Templates take a millisecond; the first one also waits for the worker's script, ms. */
const DEADLINE_MS = 10_000;

/**
 * Renders chat templates in a worker of its own, which is ended when a template takes too long: whatever a model's file holds, the
 * thread that asks goes on. One conversation at a time. The worker starts at once, to be there when the first one comes.
 */
export class TemplateRenderer {
  private readonly signal: AbortSignal;
  private worker: Worker | null = null;

  /** @param signal ends the worker, and what it is doing */
  constructor(signal: AbortSignal) {
    this.signal = signal;
    if (!signal.aborted) this.worker = this.startWorker();
    signal.addEventListener('abort', () => this.endWorker());
  }

  /** @throws AppError stopped, tokenizer-unsupported (it takes too long, or its worker breaks), and what `renderTemplate` throws */
  async render(source: string, values: TemplateValues, deadlineMs = DEADLINE_MS): Promise<string> {
    if (this.signal.aborted) throw new AppError('stopped', 'the model was closed');
    this.worker ??= this.startWorker();
    const outcome = await this.outcomeOf(this.worker, { source, values }, deadlineMs).catch((thrown: unknown) => {
      this.endWorker();
      throw thrown;
    });
    if ('text' in outcome) return outcome.text;
    throw AppError.fromReport(outcome.error);
  }

  private outcomeOf(worker: Worker, task: TemplateTask, deadlineMs: number): Promise<TemplateOutcome> {
    const ended = AbortSignal.any([this.signal, AbortSignal.timeout(deadlineMs)]);
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new AppError('tokenizer-unsupported', `the model's chat template ${why}`));
      ended.onabort = () =>
        this.signal.aborted
          ? reject(new AppError('stopped', 'the model was closed'))
          : fail(`was not done with this conversation after ${deadlineMs / 1000} s`);
      worker.onmessage = ({ data }: MessageEvent<TemplateOutcome>) => resolve(data);
      worker.onerror = ({ message }) => fail(`can't be run: ${message || 'its worker did not start'}`);
      worker.postMessage(task);
    });
  }

  private startWorker(): Worker {
    const worker = new Worker(new URL('./template-worker.ts', import.meta.url), { type: 'module', name: 'chat template' });
    // One that could not start is started again when it is needed.
    worker.onerror = () => this.endWorker();
    return worker;
  }

  private endWorker(): void {
    this.worker?.terminate();
    this.worker = null;
  }
}
