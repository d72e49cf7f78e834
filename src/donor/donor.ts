import type { EngineProfile } from '../engine/device-profile.ts';
import type { ShardEngine } from '../engine/shard-engine.ts';
import type { AwakeClock } from '../pipeline/awake-clock.ts';
import type { PlanBook } from '../pipeline/plan-book.ts';
import { stageOf } from '../pipeline/served-plans.ts';
import { type ServedForward, StageHost } from '../pipeline/stage-host.ts';
import type { Transport } from '../pipeline/transport.ts';
import { AppError } from '../shared/errors.ts';
import type { DeviceMessage, StageOutcome } from '../shared/model/device-message.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { OpenModel } from '../weights/open-model.ts';
import type { Shortage } from '../weights/shard-cache.ts';
import type { DeviceEngine } from './choose-device-engine.ts';
import { ServedSpeed } from './served-speed.ts';

/** Progress is told at most this often, ms: every message goes on to the whole room. */
const PROGRESS_INTERVAL_MS = 250;

export interface DonorOptions {
  model: OpenModel;
  device: DeviceEngine;
  contextLength: number;
  transport: Transport;
  plans: PlanBook;
  awake: AwakeClock;
  post(message: DeviceMessage | StageOutcome): void;
  /** What serving says of this device's speed, now and then. */
  onServedSpeed(profile: EngineProfile): void;
  /** The engine does not come back from a forward, for now. */
  onHung(epoch: number, error: AppError): void;
  onCameBack(): void;
  /** The engine's device is gone, or never comes back from a forward: all that this donor held is lost with it. */
  onLost(error: AppError): void;
  /** A device without business here sent a frame. */
  onRefused(from: PeerId): void;
}

/** This device as a stage: loads what plans give it and says how far it is. */
export class Donor {
  readonly host: StageHost;
  private readonly options: DonorOptions;
  private readonly engine: ShardEngine;
  private tokensServed = 0;
  private loadedBytes = 0;
  private shardBytes = 0;
  private toldMs = 0;
  private loadingEpoch = 0;
  /** Of the part loaded last: all that could not be kept. */
  private notKept: Shortage | null = null;
  private servedMs = performance.now();
  private speed: ServedSpeed;

  private constructor(options: DonorOptions, engine: ShardEngine) {
    this.options = options;
    this.engine = engine;
    this.speed = new ServedSpeed(options.device.profile, options.model.spec.layerBytes, performance.now());
    this.host = new StageHost({
      transport: options.transport,
      engine,
      dim: options.model.spec.dim,
      loader: {
        loadLayer: (layer, signal) => engine.loadLayer(layer, options.model.layer(layer, this.counting(signal))),
        loadHead: (signal) => engine.loadHead(options.model.head(this.counting(signal))),
      },
      plans: options.plans,
      now: () => performance.now(),
      awake: options.awake,
      expectedMs: (work) => this.speed.expectedMs(work),
      onServed: (forward) => this.served(forward),
      onRefused: options.onRefused,
      onHung: options.onHung,
      onCameBack: options.onCameBack,
      onLost: options.onLost,
    });
    void engine.lost.then((error) => options.onLost(error));
  }

  static async start(options: DonorOptions): Promise<Donor> {
    const { model, device, contextLength } = options;
    return new Donor(options, await device.create({ spec: model.spec, contextLength }));
  }

  /** Loads this device's part and reports `ready`, or why it can't. */
  async prepare(plan: Plan): Promise<void> {
    const { post, model, transport } = this.options;
    const stage = stageOf(plan, transport.selfId);
    this.loadingEpoch = plan.epoch;
    this.loadedBytes = 0;
    this.notKept = null;
    this.shardBytes = stage ? model.shardBytes(this.host.missing(plan)) : 0;
    try {
      const ready = await this.host.prepare(plan);
      if (!ready || !stage) return;
      this.tellProgress();
      post({ kind: 'ready', epoch: plan.epoch });
    } catch (thrown) {
      post({ kind: 'prepare-failed', epoch: plan.epoch, error: AppError.from(thrown).toReport() });
    }
    // A load that broke off has stored something too.
    await this.tellStored();
  }

  /** What this device would not download again, and what it could not keep. */
  async tellStored(): Promise<void> {
    const { post, model } = this.options;
    post({ kind: 'stored', modelUrl: model.url, ...(await model.storedParts()) });
    if (this.notKept) post({ kind: 'store-full', ...this.notKept });
  }

  activate(epoch: number): void {
    this.host.activate(epoch);
    this.options.post({ kind: 'stage', stage: this.host.stage });
  }

  /** From now on serving is compared with this. */
  measuredAnew(profile: EngineProfile): void {
    this.speed = new ServedSpeed(profile, this.options.model.spec.layerBytes, performance.now());
  }

  /** How long this device has had nothing to do, ms. */
  get idleMs(): number {
    return performance.now() - this.servedMs;
  }

  destroy(): void {
    this.host.abandon();
    this.engine.destroy();
    this.options.post({ kind: 'stage', stage: null });
  }

  private counting(signal: AbortSignal) {
    const onBytes = (bytes: number) => {
      this.loadedBytes += bytes;
      if (performance.now() - this.toldMs > PROGRESS_INTERVAL_MS) this.tellProgress();
    };
    const onNotKept = ({ neededBytes, freeBytes }: Shortage) => {
      this.notKept = { neededBytes: (this.notKept?.neededBytes ?? 0) + neededBytes, freeBytes };
    };
    return { signal, onBytes, onNotKept };
  }

  private tellProgress(): void {
    this.toldMs = performance.now();
    const progress = { loadedBytes: this.loadedBytes, shardBytes: this.shardBytes };
    this.options.post({ kind: 'progress', epoch: this.loadingEpoch, progress });
  }

  private served(forward: ServedForward): void {
    this.servedMs = performance.now();
    this.tokensServed += forward.rows;
    this.options.post({ kind: 'served', tokensServed: this.tokensServed });
    const sample = this.speed.observe(forward, this.servedMs);
    if (sample) this.options.onServedSpeed(sample);
  }
}
