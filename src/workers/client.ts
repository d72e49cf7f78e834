import { AppError, type ErrorReport } from '../shared/errors.ts';
import type { DeviceMessage } from '../shared/model/device-message.ts';
import type { ChosenLogprob, FinishReason, GenerateSettings, GenerateUsage, Prompt } from '../shared/model/generation.ts';
import type { FromWorker, RoomMessage, ToWorker } from './messages.ts';

export type GenerateEvent =
  | { kind: 'text'; text: string; tokenIds: number[]; logprobs: ChosenLogprob[] }
  /** Interrupted by this; it goes on as soon as it can. */
  | { kind: 'interrupted'; error: ErrorReport }
  | { kind: 'finished'; reason: FinishReason; usage: GenerateUsage };

/** How long a stopped answer waits for the worker's account of it, ms: a worker that computes itself may be in a forward of seconds. */
const STOP_WAIT_MS = 150;

/** Takes the next part of an answer, or why there is none. */
type Reader = (item: GenerateEvent | AppError) => void;

/** The page's end of the pipeline worker. */
export class PipelineClient {
  private readonly worker: Worker;
  private readonly generations = new Map<number, Reader>();
  private nextGeneration = 1;
  /** Nothing that was never started answers. */
  private failed: AppError | null = null;
  private hasStarted = false;

  /** @param onMessage everything but the parts of answers, which go to whoever asked */
  constructor(onMessage: (message: DeviceMessage | RoomMessage) => void) {
    this.worker = new Worker(new URL('./pipeline-worker.ts', import.meta.url), { type: 'module', name: 'pipeline' });
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.receive(data, onMessage);
    this.worker.onerror = ({ message }) => {
      const error = new AppError('internal', message || 'the pipeline worker could not start');
      if (!this.hasStarted) this.fail(error);
      onMessage({ kind: 'device-failed', error: error.toReport() });
    };
  }

  send(message: ToWorker): void {
    this.worker.postMessage(message, message.kind === 'setup' ? [message.links] : []);
  }

  /**
   * Asks the room. Yields text as it comes; the last event is `finished`.
   * @throws AppError when the answer cannot go on; what was yielded before stays. `stopped` when the signal aborts while the worker
   *   is too busy to say how far it came.
   */
  async *generate(prompt: Prompt, settings: GenerateSettings, signal: AbortSignal): AsyncGenerator<GenerateEvent> {
    if (this.failed) throw this.failed;
    const id = this.nextGeneration++;
    const queue: (GenerateEvent | AppError)[] = [];
    let wake = () => {};
    const read = (item: GenerateEvent | AppError) => {
      queue.push(item);
      wake();
    };
    let deadline: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      this.send({ kind: 'stop', id });
      deadline = setTimeout(read, STOP_WAIT_MS, new AppError('stopped', 'the answer was stopped'));
    };
    this.generations.set(id, read);
    signal.addEventListener('abort', stop);
    try {
      this.send({ kind: 'generate', id, prompt, settings });
      for (;;) {
        const item = queue.shift();
        if (item instanceof AppError) throw item;
        if (item) yield item;
        if (item?.kind === 'finished') return;
        if (queue.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', stop);
      clearTimeout(deadline);
      // A reader that walks away in mid-answer stops it.
      if (this.generations.delete(id) && !signal.aborted) this.send({ kind: 'stop', id });
    }
  }

  terminate(): void {
    this.worker.terminate();
    this.fail(new AppError('stopped', 'this tab has left the room'));
  }

  private fail(error: AppError): void {
    this.failed = error;
    for (const read of this.generations.values()) read(error);
    this.generations.clear();
  }

  private receive(message: FromWorker, onMessage: (message: DeviceMessage | RoomMessage) => void): void {
    this.hasStarted = true;
    switch (message.kind) {
      case 'generated':
        this.generations.get(message.id)?.({
          kind: 'text',
          text: message.text,
          tokenIds: message.tokenIds,
          logprobs: message.logprobs,
        });
        return;
      case 'finished':
        this.generations.get(message.id)?.({ kind: 'finished', reason: message.reason, usage: message.usage });
        return;
      case 'generate-failed':
        this.generations.get(message.id)?.(AppError.fromReport(message.error));
        return;
      case 'interrupted':
        this.generations.get(message.id)?.({ kind: 'interrupted', error: message.error });
        return;
      default:
        onMessage(message);
    }
  }
}
