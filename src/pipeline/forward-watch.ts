import type { AppError } from '../shared/errors.ts';
import type { ForwardFrame } from '../shared/protocol/frame.ts';
import type { AwakeClock } from './awake-clock.ts';
import { hungError, isHung, isLost } from './hung.ts';

export interface ForwardWatchOptions {
  awake: AwakeClock;
  /** The engine has come to this frame. */
  onStarted(frame: ForwardFrame, startedMs: number): void;
  /** It does not come back from the first of these, for now. */
  onHung(frames: readonly ForwardFrame[], error: AppError): void;
  /** It has come back after all. */
  onCameBack(): void;
  /** It has not come back for so long that it never will. */
  onLost(error: AppError): void;
}

/** A forward that the engine has, or will have when those before it are done. */
interface Job {
  readonly frame: ForwardFrame;
  readonly expectedMs: number;
  /** When the engine came to it, awake ms; null while others are before it. */
  startedMs: number | null;
  /** False as soon as the engine had another one at the same time. */
  isAlone: boolean;
}

/** Times an engine's forwards against what they should take, and says when it does not come back. */
export class ForwardWatch {
  private readonly options: ForwardWatchOptions;
  /** In the order in which the engine runs them. */
  private readonly jobs: Job[] = [];
  private hung: 'no' | 'yes' | 'for good' = 'no';

  constructor(options: ForwardWatchOptions) {
    this.options = options;
  }

  /** What to tell whoever asks while the engine does not come back; null when it does. */
  get hungError(): AppError | null {
    const [job] = this.jobs;
    return this.hung === 'no' || !job ? null : this.errorOf(job);
  }

  begin(frame: ForwardFrame, expectedMs: number): Job {
    const job: Job = { frame, expectedMs, startedMs: null, isAlone: this.jobs.length === 0 };
    for (const other of this.jobs) other.isAlone = false;
    if (this.jobs.push(job) === 1) this.start(job);
    return job;
  }

  /** The engine has come back from it. */
  end(job: Job): void {
    if (this.hung === 'yes') {
      this.hung = 'no';
      this.options.onCameBack();
    }
    this.jobs.splice(this.jobs.indexOf(job), 1);
    const [next] = this.jobs;
    if (next?.startedMs === null) this.start(next);
  }

  /** Called every half second by the worker's clock. */
  tick(): void {
    const [job] = this.jobs;
    if (!job || job.startedMs === null) return;
    const elapsedMs = this.options.awake.ms - job.startedMs;
    if (this.hung === 'no' && isHung(elapsedMs, job.expectedMs)) {
      this.hung = 'yes';
      const frames = this.jobs.map(({ frame }) => frame);
      this.options.onHung(frames, this.errorOf(job));
    } else if (this.hung === 'yes' && isLost(elapsedMs, job.expectedMs)) {
      this.hung = 'for good';
      this.options.onLost(this.errorOf(job));
    }
  }

  private start(job: Job): void {
    job.startedMs = this.options.awake.ms;
    this.options.onStarted(job.frame, job.startedMs);
  }

  private errorOf({ startedMs, expectedMs }: Job): AppError {
    return hungError(this.options.awake.ms - (startedMs ?? 0), expectedMs);
  }
}
