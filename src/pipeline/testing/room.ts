import { createCpuEngine } from '../../engine/cpu/cpu-engine.ts';
import { randomEmbedding, randomHead, randomLayer } from '../../engine/random-weights.ts';
import type { ShardEngine } from '../../engine/shard-engine.ts';
import { type TensorTypes, uniformTypes } from '../../engine/tensor-shape.ts';
import { AppError } from '../../shared/errors.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { Plan, Stage } from '../../shared/model/plan.ts';
import { decodeFrame, encodeFrame, type ForwardFrame, type Frame, type Run } from '../../shared/protocol/frame.ts';
import type { PipelineMessage } from '../../shared/protocol/peer.ts';
import { AwakeClock } from '../awake-clock.ts';
import { Coordinator } from '../coordinator.ts';
import { EngineSourcePart } from '../engine-source-part.ts';
import { PlanBook } from '../plan-book.ts';
import type { SourcePart, StepRequest } from '../source-part.ts';
import { StageHost } from '../stage-host.ts';
import type { Transport } from '../transport.ts';

/** A room without a network: real engines with a small random model, frames encoded as on the wire. For tests. */

export const SPEC: ModelSpec = {
  name: 'random',
  architecture: 'llama',
  quantisation: 'Q8_0',
  dim: 32,
  nLayers: 6,
  nHeads: 4,
  nKvHeads: 2,
  headDim: 8,
  ffnDim: 64,
  vocabSize: 200,
  contextLength: 128,
  ropeTheta: 10000,
  ropeDim: 8,
  rmsEps: 1e-5,
  tiedHead: false,
  layerBytes: Array(6).fill(1000),
  embeddingBytes: 1000,
  headBytes: 1000,
};
const TYPES: TensorTypes = uniformTypes('Q8_0');
const SEED = 7;

export const GREEDY: StepRequest = { wantIds: new Uint32Array(0), invTemperature: 1, fullRow: false };

export class TestDevice implements Transport {
  readonly selfId: PeerId;
  stage: StageHost;
  coordinator: Coordinator;
  engine: ShardEngine;
  readonly awake = new AwakeClock();
  readonly loadedLayers: number[] = [];
  readonly movedTo: number[] = [];
  readonly rowsServed: number[] = [];
  /** Senders whose frames, replies or errors were dropped. */
  readonly refused: PeerId[] = [];
  /** What this device's chat said of stages that hang. */
  readonly hungStages: { epoch: number; peerId: PeerId }[] = [];
  /** What this device's stage said of itself. */
  readonly hung: AppError[] = [];
  /** How often it came back from a forward after all. */
  cameBack = 0;
  /** By this device's own measure, ms a forward. */
  expectedMs = 0;
  /** Drops a frame on its way to another device, if it says so. */
  losesFrame: (to: PeerId, frame: Frame) => boolean = () => false;
  readonly plans = new PlanBook();
  readonly source: SourcePart;
  private readonly room: TestRoom;

  constructor(room: TestRoom, selfId: PeerId, engine: ShardEngine, source: SourcePart) {
    this.room = room;
    this.selfId = selfId;
    this.engine = engine;
    this.stage = this.stageOf(engine);
    this.source = source;
    this.coordinator = this.newCoordinator();
  }

  /** As a tab whose room has other settings: its chat starts anew. */
  startAgain(): Coordinator {
    this.coordinator = this.newCoordinator();
    return this.coordinator;
  }

  private newCoordinator(): Coordinator {
    return new Coordinator({
      transport: this,
      source: this.source,
      dim: SPEC.dim,
      nLayers: SPEC.nLayers,
      vocabSize: SPEC.vocabSize,
      awake: this.awake,
      onMoved: (epoch) => this.movedTo.push(epoch),
      onHung: (epoch, peerId) => this.hungStages.push({ epoch, peerId }),
      onRefused: (from) => this.refused.push(from),
    });
  }

  /** As a tab whose browser took its graphics device away: what it held is gone, it starts with an empty engine. */
  async loseEngine(): Promise<void> {
    this.stage.abandon();
    this.engine.destroy();
    this.engine = await createCpuEngine({ spec: SPEC, contextLength: SPEC.contextLength });
    this.stage = this.stageOf(this.engine);
  }

  tick(nowMs: number): void {
    this.awake.tick(nowMs);
    this.coordinator.tick();
    this.stage.tick();
  }

  private stageOf(engine: ShardEngine): StageHost {
    return new StageHost({
      transport: this,
      engine,
      dim: SPEC.dim,
      loader: {
        loadLayer: async (layer) => {
          this.loadedLayers.push(layer);
          await engine.loadLayer(layer, randomLayer(SPEC, TYPES, layer, SEED));
        },
        loadHead: () => engine.loadHead(randomHead(SPEC, TYPES, SEED)),
      },
      plans: this.plans,
      now: () => this.room.nowMs,
      awake: this.awake,
      expectedMs: () => this.expectedMs,
      onServed: ({ rows }) => this.rowsServed.push(rows),
      onRefused: (from) => this.refused.push(from),
      onHung: (_epoch, error) => this.hung.push(error),
      onCameBack: () => this.cameBack++,
      onLost: (error) => this.hung.push(error),
    });
  }

  isOpen(peerId: PeerId): boolean {
    return this.room.isLinked(this.selfId, peerId);
  }

  sendFrame(to: PeerId, frame: Frame): void {
    const device = this.room.reach(this.selfId, to);
    if (this.losesFrame(to, frame)) return;
    const bytes = to === this.selfId ? null : encodeFrame(frame);
    this.bring(to, () => device.receiveFrame(this.selfId, bytes ? decodeFrame(bytes) : frame));
  }

  sendMessage(to: PeerId, message: PipelineMessage): void {
    const device = this.room.reach(this.selfId, to);
    this.bring(to, () => device.receiveMessage(this.selfId, message));
  }

  /** What is still on its way when the link breaks is lost. */
  private bring(to: PeerId, arrive: () => void): void {
    queueMicrotask(() => this.room.isLinked(this.selfId, to) && arrive());
  }

  receiveFrame(from: PeerId, frame: Frame): void {
    if (frame.kind === 'reply') this.coordinator.handleReply(from, frame);
    else this.stage.receive(from, frame);
  }

  receiveMessage(from: PeerId, message: PipelineMessage): void {
    if (message.kind === 'free') this.stage.free(from, message.sequence);
    if (message.kind === 'trace') this.stage.trace(from, message.epoch, message.request);
    if (message.kind === 'traced') this.coordinator.handleTraced(from, message);
    if (message.kind === 'stage-error')
      this.coordinator.handleStageError(from, message.request, AppError.fromReport(message.error));
  }
}

export class TestRoom {
  nowMs = 0;
  private readonly devices = new Map<PeerId, TestDevice>();
  private readonly sourceEngines = new Map<PeerId, ShardEngine>();
  private readonly cutLinks = new Set<string>();

  /** @param own what its chat runs itself */
  async join(
    peerId: PeerId,
    own: { sourceLayers: number; head: boolean } = { sourceLayers: 0, head: false },
  ): Promise<TestDevice> {
    const options = { spec: SPEC, contextLength: SPEC.contextLength };
    const engine = await createCpuEngine(options);
    await engine.loadEmbedding(randomEmbedding(SPEC, TYPES, SEED));
    for (let layer = 0; layer < own.sourceLayers; layer++) await engine.loadLayer(layer, randomLayer(SPEC, TYPES, layer, SEED));
    if (own.head) await engine.loadHead(randomHead(SPEC, TYPES, SEED));
    this.sourceEngines.set(peerId, engine);
    const source = new EngineSourcePart(engine, own.sourceLayers, own.head);
    const device = new TestDevice(this, peerId, await createCpuEngine(options), source);
    this.devices.set(peerId, device);
    return device;
  }

  /** What every device's layers keep of all sequences, bytes, in the order in which the devices joined. */
  kvBytes(): number[] {
    return [...this.devices.values()].map(({ engine }) => engine.memory().kvBytes);
  }

  /** What a chat's own layers keep, bytes. */
  sourceKvBytes(peerId: PeerId): number {
    return this.sourceEngines.get(peerId)!.memory().kvBytes;
  }

  /** (dim) */
  async embeddingRow(token: number): Promise<Float32Array> {
    const [engine] = this.sourceEngines.values();
    const rows = [{ sequence: 'embedding', position: 0 }];
    const layers = { startLayer: 0, endLayer: 0 };
    return (await engine!.forward({ rows, input: { tokens: Uint32Array.of(token) }, layers, head: null })).hidden!;
  }

  /** Time goes by as the workers' clocks tell it; what it sets off is done when this resolves. */
  async pass(ms: number): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 500;
      for (const device of this.devices.values()) device.tick(this.nowMs);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  isLinked(a: PeerId, b: PeerId): boolean {
    return this.devices.has(b) && !this.cutLinks.has(linkName(a, b));
  }

  /** The link between two devices breaks; both are still there. */
  cut(a: PeerId, b: PeerId): void {
    this.cutLinks.add(linkName(a, b));
    this.tellLost(this.devices.get(a)!, b);
    this.tellLost(this.devices.get(b)!, a);
  }

  mend(a: PeerId, b: PeerId): void {
    this.cutLinks.delete(linkName(a, b));
    for (const peerId of [a, b]) this.devices.get(peerId)!.coordinator.linkOpened();
  }

  /** The device is gone without a word; the others are told as by their links. */
  lose(peerId: PeerId): void {
    this.devices.delete(peerId);
    for (const device of this.devices.values()) this.tellLost(device, peerId);
  }

  private tellLost(device: TestDevice, peerId: PeerId): void {
    device.coordinator.peerLost(peerId, `device ${peerId}`);
    device.stage.peerLost(peerId);
  }

  reach(from: PeerId, to: PeerId): TestDevice {
    const device = this.devices.get(to);
    if (!device || !this.isLinked(from, to)) throw new AppError('peer-lost', `no link from ${from} to ${to}`);
    return device;
  }

  /** Prepare, ready, activate, as the server does it. */
  async adopt(plan: Plan): Promise<void> {
    for (const device of this.devices.values()) device.plans.remember(plan);
    const ready = await Promise.all([...this.devices.values()].map((device) => device.stage.prepare(plan)));
    if (!ready.every(Boolean)) throw new Error(`plan ${plan.epoch} was overtaken`);
    for (const device of this.devices.values()) {
      device.stage.activate(plan.epoch);
      device.coordinator.setPlan(plan);
    }
  }

  retire(epoch: number): void {
    for (const device of this.devices.values()) device.stage.retire(epoch);
  }
}

function linkName(a: PeerId, b: PeerId): string {
  return [Math.min(a, b), Math.max(a, b)].join('-');
}

/** A plan in which `peers[i]` ends at layer `ends[i]`; the chats run what is before the first stage, and perhaps the head. */
export function planOf(epoch: number, peers: PeerId[], ends: number[], sourceLayers = 0, headOnSource = false): Plan {
  const stages = peers.map((peerId, i): Stage => {
    const layers = { startLayer: ends[i - 1] ?? sourceLayers, endLayer: ends[i]! };
    return { peerId, layers, head: i === peers.length - 1 && !headOnSource };
  });
  const rates = { msPerToken: 1, bottleneckMs: 1, tokensPerSecond: 1000, firstTokenMs: 1 };
  const predicted = { ...rates, stageMs: peers.map(() => 1), overheadMs: peers.map(() => 0), linkMs: [0, ...peers.map(() => 0)] };
  const { contextLength } = SPEC;
  return {
    epoch,
    modelUrl: 'm',
    contextLength,
    wireDtype: 'f32',
    objective: 'latency',
    sourceLayers: 0,
    stages,
    predicted,
    why: { code: 'mended', expected: { objective: 'latency', msPerToken: 1 } },
    leftOut: [],
  };
}

/** The most likely tokens after `prompt`, fed one at a time; `between` runs before each further token. */
export async function answer(
  device: TestDevice,
  prompt: number[],
  length: number,
  between: (tokens: number) => Promise<void> | void = () => {},
  id = device.coordinator.open(),
): Promise<number[]> {
  const tokens = [...prompt];
  const options = { signal: new AbortController().signal };
  while (tokens.length < prompt.length + length) {
    await between(tokens.length - prompt.length);
    const row = await device.coordinator.feed(id, tokens, GREEDY, options);
    tokens.push(row.topIds[0]!);
  }
  return tokens.slice(prompt.length);
}

/** One row of nothing for the first plan, as `source` sends it. */
export function forward(source: PeerId, dim = SPEC.dim, run: Partial<Run> = {}): ForwardFrame {
  return {
    kind: 'forward',
    epoch: 1,
    untilLayer: SPEC.nLayers,
    runs: [{ source, request: 1, sequence: 1, position: 0, rows: 1, ...run }],
    heads: [{ row: 0, ...GREEDY }],
    trail: [],
    dtype: 'f32',
    dim,
    hidden: new Float32Array(dim),
  };
}
