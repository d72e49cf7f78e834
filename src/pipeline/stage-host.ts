import type { ForwardResult, SequenceKey, ShardEngine } from '../engine/shard-engine.ts';
import { AppError } from '../shared/errors.ts';
import { type LayerRange, layersOf } from '../shared/model/layer-range.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan, Stage } from '../shared/model/plan.ts';
import type { ShardParts } from '../shared/model/shard-parts.ts';
import type { ForwardFrame, ReplyFrame, Run } from '../shared/protocol/frame.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import type { AwakeClock } from './awake-clock.ts';
import { ForwardWatch } from './forward-watch.ts';
import { keepRuns } from './frame-runs.ts';
import { HeldShard, type ShardLoader } from './held-shard.ts';
import { PassLog } from './pass-log.ts';
import type { PlanBook } from './plan-book.ts';
import { isOwn, maySendRows } from './senders.ts';
import {
  activate,
  endActive,
  type Holdings,
  holdings,
  markReady,
  NO_PLANS,
  type PlanState,
  planOfEpoch,
  prepare,
  retire,
  stageOf,
} from './served-plans.ts';
import { SourceBook } from './source-book.ts';
import { forwardRequest, nextFrame, repliesOf, type StageWork, workOf } from './stage-work.ts';
import type { Transport } from './transport.ts';

/** What a forward has to compute. */
export interface ForwardWork {
  rows: number;
  layers: LayerRange;
  head: boolean;
}

/** A forward that this stage has run. */
export interface ServedForward extends ForwardWork {
  /** How long the engine took, ms; null when others waited for it too, as then it tells nothing of one. */
  ms: number | null;
}

export interface StageHostOptions {
  transport: Transport;
  engine: ShardEngine;
  loader: ShardLoader;
  /** Length of one hidden state. */
  dim: number;
  /** Plans that this tab has heard of. */
  plans: PlanBook;
  /** Milliseconds, from any clock. */
  now(): number;
  awake: AwakeClock;
  /** What a forward takes by what this device has measured of itself, ms. */
  expectedMs(work: ForwardWork): number;
  onServed(forward: ServedForward): void;
  /** A frame of somebody who has no business in the plan was dropped. */
  onRefused(from: PeerId): void;
  /** The engine does not come back from a forward of that plan: the room should plan without this device. */
  onHung(epoch: number, error: AppError): void;
  /** It has come back after all. */
  onCameBack(): void;
  /** It has not come back for so long that it never will. */
  onLost(error: AppError): void;
}

/** A donor's side: holds its layers of the plans that are alive, and runs every frame that comes through them. */
export class StageHost {
  private readonly options: StageHostOptions;
  private plans: PlanState = NO_PLANS;
  private readonly shard: HeldShard;
  private readonly sources = new SourceBook();
  private readonly passes = new PassLog();
  private readonly watch: ForwardWatch;

  constructor(options: StageHostOptions) {
    this.options = options;
    this.shard = new HeldShard(options.engine, options.loader);
    this.watch = new ForwardWatch({
      awake: options.awake,
      onStarted: ({ runs }, startedMs) => {
        for (const run of runs) this.passes.running(run, startedMs);
      },
      onHung: (frames, error) => this.foundHung(frames, error),
      onCameBack: options.onCameBack,
      onLost: options.onLost,
    });
  }

  /** This device's part of the active plan. */
  get stage(): Stage | null {
    return this.plans.active ? stageOf(this.plans.active, this.options.transport.selfId) : null;
  }

  /** What this device would have to load for a plan. */
  missing(plan: Plan): ShardParts {
    const stage = stageOf(plan, this.options.transport.selfId);
    return this.shard.missing(stage ? layersOf(stage.layers) : [], stage?.head === true);
  }

  /** Ends a load in progress; for a device that stops donating. */
  abandon(): void {
    this.plans = NO_PLANS;
    void this.shard.abandon();
  }

  /**
   * Loads what the plan gives this device and it does not hold yet. Resolves true when ready, false when a newer plan came
   * first.
   * @throws AppError of the failed load.
   */
  async prepare(plan: Plan): Promise<boolean> {
    this.plans = prepare(this.plans, plan);
    if (this.plans.preparing !== plan) return false;
    await this.shard.abandon();
    if (this.plans.preparing !== plan) return false;
    if (!(await this.shard.load(this.needed()))) return false;
    this.plans = markReady(this.plans, plan.epoch);
    return this.plans.preparing === plan;
  }

  activate(epoch: number): void {
    this.plans = activate(this.plans, epoch);
  }

  /** The active plan is over, and no other has taken its place yet: what it alone needs goes as soon as another one loads. */
  noPlan(): void {
    this.plans = endActive(this.plans);
  }

  retire(epoch: number): void {
    this.plans = retire(this.plans, epoch);
    // A load in progress may be fetching a layer that is not needed yet: it cleans up when the next plan comes.
    if (this.plans.preparing === null) this.shard.unloadAllBut(this.needed());
  }

  private needed(): Holdings {
    return holdings(this.plans, this.options.transport.selfId);
  }

  /** Runs a frame and passes it on; every failure goes to its sources as a `stage-error`. */
  receive(from: PeerId, frame: ForwardFrame): void {
    const plan = this.options.plans.get(frame.epoch);
    if (plan ? !maySendRows(plan, this.options.transport.selfId, from, frame) : !isOwn(from, frame)) {
      this.options.onRefused(from);
      return;
    }
    // What is kept of a source that cannot be reached would be freed by nobody.
    const known = keepRuns(frame, ({ source }) => this.options.transport.isOpen(source));
    if (known !== frame) this.options.onRefused(from);
    const wanted = known && keepRuns(known, (run) => !this.sources.isFreed(run));
    const admitted = wanted && keepRuns(wanted, (run) => this.admit(run, frame.epoch));
    if (!admitted) return;
    this.run(admitted)
      .catch((error: unknown) => this.reportErrors(admitted, AppError.from(error)))
      .finally(() => {
        for (const run of admitted.runs) this.sources.done(run);
      });
  }

  /** The source will not come back to this sequence: what is still on its way of it is dropped too. */
  free(source: PeerId, sequence: number): void {
    this.sources.free(source, sequence);
    this.options.engine.freeSequence(sequenceKey(source, sequence));
  }

  /** A link is gone. Its sequences are freed, and whoever has passes on the way over it is told that they may be lost. */
  peerLost(peerId: PeerId): void {
    for (const sequence of this.sources.sequencesOf(peerId)) this.free(peerId, sequence);
    for (const { epoch, run, to } of this.passes.takeSentTo(peerId)) {
      this.reportError(run, epoch, new AppError('frame-lost', `the link to device ${to} broke with a pass on its way`));
    }
  }

  /** A source asks what has become of a pass. */
  trace(source: PeerId, epoch: number, request: number): void {
    const word = this.passes.wordOn(source, request, this.options.awake.ms);
    this.sendToSource(source, { kind: 'traced', epoch, request, ...word });
  }

  /** Called every half second by the worker's clock. */
  tick(): void {
    this.watch.tick();
  }

  /** Another task may only have taken the device for itself; its chats wait for another plan meanwhile. */
  private foundHung(frames: readonly ForwardFrame[], error: AppError): void {
    for (const frame of frames) this.reportErrors(frame, error);
    this.options.onHung(frames[0]!.epoch, error);
  }

  private admit(run: Run, epoch: number): boolean {
    if (this.sources.queue(run)) return true;
    this.reportError(run, epoch, new AppError('busy', 'too many rows of this chat wait at this stage'));
    return false;
  }

  private async run(frame: ForwardFrame): Promise<void> {
    const plan = planOfEpoch(this.plans, frame.epoch);
    const stage = stageOf(plan, this.options.transport.selfId);
    if (!stage) throw new AppError('stage-failed', `plan ${plan.epoch} gives this device no layers`);
    this.checkShape(frame, plan);
    // Whoever has not heard of it yet would wait behind a forward that nobody waits for any more.
    if (this.watch.hungError) throw this.watch.hungError;
    const work = workOf(frame, plan, stage);
    const { engine } = this.options;
    for (const run of frame.runs) {
      const evicted = this.sources.use(run);
      if (evicted !== null) engine.freeSequence(sequenceKey(run.source, evicted));
      engine.truncate(sequenceKey(run.source, run.sequence), run.position, work.layers);
    }
    const { result, ms } = await this.forward(frame, work);
    this.options.onServed({ rows: work.rows, layers: work.layers, head: work.head, ms });
    const freed = frame.runs.filter((run) => this.sources.isFreed(run));
    if (freed.length < frame.runs.length) this.sendOn(frame, plan, work, result);
    for (const run of freed) this.passes.forget(run);
  }

  /** @returns the result, and how long the engine had it for itself; null where it shared that time */
  private async forward(frame: ForwardFrame, work: StageWork): Promise<{ result: ForwardResult; ms: number | null }> {
    const { engine, awake, now } = this.options;
    const expectedMs = this.options.expectedMs(work);
    for (const run of frame.runs) this.passes.waiting(run, expectedMs, awake.ms);
    const job = this.watch.begin(frame, expectedMs);
    const startMs = now();
    try {
      const result = await engine.forward(forwardRequest(frame, work, sequenceKey));
      return { result, ms: job.isAlone ? now() - startMs : null };
    } finally {
      this.watch.end(job);
    }
  }

  private sendOn(frame: ForwardFrame, plan: Plan, work: StageWork, result: ForwardResult): void {
    const { transport, awake } = this.options;
    if (work.endsHere) {
      for (const { run, reply } of repliesOf(frame, work, result, transport.selfId)) {
        this.reply(run, frame.epoch, reply);
      }
      return;
    }
    const next = plan.stages[plan.stages.indexOf(work.stage) + 1]!;
    try {
      transport.sendFrame(next.peerId, nextFrame(frame, result, transport.selfId));
    } catch (thrown) {
      throw new AppError('frame-lost', `a pass could not be sent on: ${AppError.from(thrown).message}`);
    }
    for (const run of frame.runs) this.passes.passed({ epoch: frame.epoch, run, to: next.peerId }, awake.ms);
  }

  private reply(run: Run, epoch: number, reply: ReplyFrame): void {
    const { transport, awake } = this.options;
    try {
      transport.sendFrame(run.source, reply);
    } catch (thrown) {
      const error = AppError.from(thrown);
      // A source that cannot be reached learns of it by its own end of the link.
      if (error.code !== 'peer-lost') this.reportError(run, epoch, error);
    }
    this.passes.passed({ epoch, run, to: run.source }, awake.ms);
  }

  private checkShape(frame: ForwardFrame, plan: Plan): void {
    if (frame.dim !== this.options.dim) {
      throw new AppError('frame-malformed', `hidden states of ${frame.dim} values, this model has ${this.options.dim}`);
    }
    for (const { position, rows } of frame.runs) {
      const end = position + rows;
      if (end <= plan.contextLength) continue;
      const values = { askedTokens: end, contextTokens: plan.contextLength };
      throw new AppError('context-full', `position ${end} is beyond the context of ${plan.contextLength} tokens`, { values });
    }
  }

  private reportErrors({ runs, epoch }: ForwardFrame, error: AppError): void {
    for (const run of runs) this.reportError(run, epoch, error);
  }

  private reportError(run: Run, epoch: number, error: AppError): void {
    this.passes.forget(run);
    this.sendToSource(run.source, { kind: 'stage-error', epoch, request: run.request, error: error.toReport() });
  }

  private sendToSource(source: PeerId, message: PipelineMessage): void {
    try {
      this.options.transport.sendMessage(source, message);
    } catch {
      // A source that cannot be reached asks again, or has found out by its own end of the link.
    }
  }
}

export function sequenceKey(source: PeerId, sequence: number): SequenceKey {
  return `${source}/${sequence}`;
}
