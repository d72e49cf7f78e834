import type { ForwardRequest, ForwardResult, SequenceKey, ShardEngine } from '../engine/shard-engine.ts';
import { AppError } from '../shared/errors.ts';
import { type LayerRange, layersOf } from '../shared/model/layer-range.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan, Stage } from '../shared/model/plan.ts';
import type { ForwardFrame } from '../shared/protocol/frame.ts';
import {
  activate,
  type Holdings,
  holdings,
  markReady,
  NO_PLANS,
  type PlanState,
  planOfEpoch,
  prepare,
  retire,
  stageOf,
} from './state.ts';
import type { Transport } from './transport.ts';

/** Forwards that may wait at one stage; a source keeps far fewer in flight. */
const MAX_WAITING = 256;

/** Brings weights into the engine; `signal` ends a load that a newer plan made pointless. */
export interface ShardLoader {
  loadLayer(layer: number, signal: AbortSignal): Promise<void>;
  loadHead(signal: AbortSignal): Promise<void>;
}

/** A forward that this stage has run. */
export interface ServedForward {
  rows: number;
  layers: LayerRange;
  head: boolean;
  /** How long the engine took, ms; null when others waited for it too, as then it tells nothing of one. */
  ms: number | null;
}

export interface StageHostOptions {
  transport: Transport;
  engine: ShardEngine;
  loader: ShardLoader;
  /** Length of one hidden state. */
  dim: number;
  /** Milliseconds, from any clock. */
  now(): number;
  onServed(forward: ServedForward): void;
}

/** A donor's side: holds its layers of the plans that are alive, and runs every frame that comes through them. */
export class StageHost {
  private readonly options: StageHostOptions;
  private plans: PlanState = NO_PLANS;
  private readonly loadedLayers = new Set<number>();
  private headLoaded = false;
  private loading: { abort: AbortController; done: Promise<void> } | null = null;
  private readonly sequences = new Map<PeerId, Set<number>>();
  private waiting = 0;

  constructor(options: StageHostOptions) {
    this.options = options;
  }

  /** This device's part of the active plan. */
  get stage(): Stage | null {
    return this.plans.active ? stageOf(this.plans.active, this.options.transport.selfId) : null;
  }

  /** What this device would have to load for a plan. */
  missing(plan: Plan): Holdings {
    const stage = stageOf(plan, this.options.transport.selfId);
    const layers = stage ? layersOf(stage.layers).filter((layer) => !this.loadedLayers.has(layer)) : [];
    return { layers: new Set(layers), head: stage?.head === true && !this.headLoaded };
  }

  /** Ends a load in progress; for a device that stops donating. */
  abandon(): void {
    this.plans = NO_PLANS;
    this.loading?.abort.abort();
  }

  /**
   * Loads what the plan gives this device and it does not hold yet. Resolves true when ready, false when a newer plan came
   * first.
   * @throws AppError of the failed load.
   */
  async prepare(plan: Plan): Promise<boolean> {
    this.plans = prepare(this.plans, plan);
    if (this.plans.preparing !== plan) return false;
    this.loading?.abort.abort();
    await this.loading?.done.catch(() => undefined);
    if (this.plans.preparing !== plan) return false;
    this.unloadUnneeded();
    const abort = new AbortController();
    const done = this.loadMissing(holdings(this.plans, this.options.transport.selfId), abort.signal);
    this.loading = { abort, done };
    try {
      await done;
    } catch (error) {
      if (abort.signal.aborted) return false;
      throw error;
    }
    this.plans = markReady(this.plans, plan.epoch);
    return this.plans.preparing === plan;
  }

  activate(epoch: number): void {
    this.plans = activate(this.plans, epoch);
  }

  retire(epoch: number): void {
    this.plans = retire(this.plans, epoch);
    // A load in progress may be fetching a layer that is not needed yet: it cleans up when the next plan comes.
    if (this.plans.preparing === null) this.unloadUnneeded();
  }

  /** Runs a frame and passes it on; every failure goes to its source as a `stage-error`. */
  receive(frame: ForwardFrame): void {
    if (this.waiting >= MAX_WAITING) {
      this.reportError(frame, new AppError('busy', `this stage has ${MAX_WAITING} forwards waiting`));
      return;
    }
    this.waiting++;
    this.run(frame)
      .catch((error: unknown) => this.reportError(frame, AppError.from(error)))
      .finally(() => this.waiting--);
  }

  free(source: PeerId, sequence: number): void {
    this.options.engine.freeSequence(sequenceKey(source, sequence));
    this.sequences.get(source)?.delete(sequence);
  }

  /** Frees all sequences of a source that is gone. */
  sourceLeft(source: PeerId): void {
    for (const sequence of this.sequences.get(source) ?? []) this.options.engine.freeSequence(sequenceKey(source, sequence));
    this.sequences.delete(source);
  }

  private async run(frame: ForwardFrame): Promise<void> {
    const plan = planOfEpoch(this.plans, frame.epoch);
    const stage = stageOf(plan, this.options.transport.selfId);
    if (!stage) throw new AppError('stage-failed', `plan ${plan.epoch} gives this device no layers`);
    this.checkShape(frame, plan);
    const layers = rangeUntil(stage.layers, frame.untilLayer);
    const endsHere = stage === plan.stages.at(-1) || frame.untilLayer <= stage.layers.endLayer;
    const wantsHead = stage.head && frame.headRows > 0 && frame.untilLayer >= stage.layers.endLayer;
    this.remember(frame);
    this.options.engine.truncate(sequenceKey(frame.source, frame.sequence), frame.position, layers);
    const startMs = this.options.now();
    const isAlone = this.waiting === 1;
    const result = await this.options.engine.forward(forwardRequest(frame, layers, wantsHead));
    const ms = isAlone && this.waiting === 1 ? this.options.now() - startMs : null;
    this.options.onServed({ rows: frame.rows, layers, head: wantsHead, ms });
    if (endsHere) this.reply(frame, result);
    else this.passOn(frame, plan, stage, result);
  }

  private reply(frame: ForwardFrame, result: ForwardResult): void {
    const { epoch, sequence, request } = frame;
    this.options.transport.sendFrame(frame.source, { kind: 'reply', epoch, sequence, request, rows: result.head });
  }

  private passOn(frame: ForwardFrame, plan: Plan, stage: Stage, result: ForwardResult): void {
    const next = plan.stages[plan.stages.indexOf(stage) + 1]!;
    this.options.transport.sendFrame(next.peerId, { ...frame, hidden: result.hidden! });
  }

  private checkShape(frame: ForwardFrame, plan: Plan): void {
    if (frame.dim !== this.options.dim) {
      throw new AppError('frame-malformed', `hidden states of ${frame.dim} values, this model has ${this.options.dim}`);
    }
    if (frame.position + frame.rows > plan.contextLength) {
      const end = frame.position + frame.rows;
      throw new AppError('context-full', `position ${end} is beyond the context of ${plan.contextLength} tokens`);
    }
  }

  private remember(frame: ForwardFrame): void {
    const known = this.sequences.get(frame.source) ?? new Set();
    this.sequences.set(frame.source, known.add(frame.sequence));
  }

  private reportError(frame: ForwardFrame, error: AppError): void {
    const { epoch, sequence, request, source } = frame;
    this.options.transport.sendMessage(source, { kind: 'stage-error', epoch, sequence, request, error: error.toReport() });
  }

  private async loadMissing(needed: Holdings, signal: AbortSignal): Promise<void> {
    for (const layer of needed.layers) {
      if (this.loadedLayers.has(layer)) continue;
      await this.options.loader.loadLayer(layer, signal);
      this.loadedLayers.add(layer);
    }
    if (needed.head && !this.headLoaded) {
      await this.options.loader.loadHead(signal);
      this.headLoaded = true;
    }
  }

  private unloadUnneeded(): void {
    const needed = holdings(this.plans, this.options.transport.selfId);
    for (const layer of this.loadedLayers) {
      if (needed.layers.has(layer)) continue;
      this.options.engine.unloadLayer(layer);
      this.loadedLayers.delete(layer);
    }
    if (this.headLoaded && !needed.head) {
      this.options.engine.unloadHead();
      this.headLoaded = false;
    }
  }
}

function sequenceKey(source: PeerId, sequence: number): SequenceKey {
  return `${source}/${sequence}`;
}

function rangeUntil(layers: LayerRange, untilLayer: number): LayerRange {
  return { startLayer: layers.startLayer, endLayer: Math.max(layers.startLayer, Math.min(layers.endLayer, untilLayer)) };
}

function forwardRequest(frame: ForwardFrame, layers: LayerRange, wantsHead: boolean): ForwardRequest {
  const sequence = sequenceKey(frame.source, frame.sequence);
  const rows = Array.from({ length: frame.rows }, (_, i) => ({ sequence, position: frame.position + i }));
  const { headRows, wantIds, fullRow, invTemperature } = frame;
  const headIndices = Array.from({ length: headRows }, (_, i) => frame.rows - headRows + i);
  return {
    rows,
    input: { hidden: frame.hidden },
    layers,
    head: wantsHead ? { rows: headIndices, wantIds, fullRow, invTemperature } : null,
  };
}
