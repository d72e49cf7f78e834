import { createCpuEngine } from '../engine/cpu/cpu-engine.ts';
import { randomEmbedding, randomHead, randomLayer } from '../engine/random-weights.ts';
import type { ShardEngine } from '../engine/shard-engine.ts';
import { type TensorTypes, uniformTypes } from '../engine/tensor-shape.ts';
import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import type { Plan, Stage } from '../shared/model/plan.ts';
import { decodeFrame, encodeForward, encodeReply, type Frame } from '../shared/protocol/frame.ts';
import type { PeerMessage } from '../shared/protocol/peer.ts';
import { Coordinator, type StepRequest } from './coordinator.ts';
import { StageHost } from './stage-host.ts';
import type { Transport } from './transport.ts';

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
  readonly coordinator: Coordinator;
  engine: ShardEngine;
  readonly loadedLayers: number[] = [];
  readonly movedTo: number[] = [];
  readonly rowsServed: number[] = [];
  private readonly room: TestRoom;

  constructor(room: TestRoom, selfId: PeerId, engine: ShardEngine, embedder: ShardEngine) {
    this.room = room;
    this.selfId = selfId;
    this.engine = engine;
    this.stage = this.stageOf(engine);
    this.coordinator = new Coordinator({
      transport: this,
      embed: async (tokens) => {
        const rows = tokens.map((_, i) => ({ sequence: 'embed', position: i }));
        const input = { tokens: Uint32Array.from(tokens) };
        return (await embedder.forward({ rows, input, layers: { startLayer: 0, endLayer: 0 }, head: null })).hidden!;
      },
      dim: SPEC.dim,
      nLayers: SPEC.nLayers,
      now: () => room.nowMs,
      onMoved: (epoch) => this.movedTo.push(epoch),
    });
  }

  /** As a tab whose browser took its graphics device away: what it held is gone, it starts with an empty engine. */
  async loseEngine(): Promise<void> {
    this.stage.abandon();
    this.engine.destroy();
    this.engine = await createCpuEngine({ spec: SPEC, contextLength: SPEC.contextLength });
    this.stage = this.stageOf(this.engine);
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
      now: () => this.room.nowMs,
      onServed: ({ rows }) => this.rowsServed.push(rows),
    });
  }

  sendFrame(to: PeerId, frame: Frame): void {
    const bytes = frame.kind === 'forward' ? encodeForward(frame) : encodeReply(frame);
    const device = this.room.reach(this.selfId, to);
    queueMicrotask(() => device.receiveFrame(decodeFrame(bytes)));
  }

  sendMessage(to: PeerId, message: PeerMessage): void {
    const device = this.room.reach(this.selfId, to);
    queueMicrotask(() => device.receiveMessage(this.selfId, message));
  }

  private receiveFrame(frame: Frame): void {
    if (frame.kind === 'reply') this.coordinator.handleReply(frame);
    else this.stage.receive(frame);
  }

  private receiveMessage(from: PeerId, message: PeerMessage): void {
    if (message.kind === 'free') this.stage.free(from, message.sequence);
    if (message.kind === 'stage-error') this.coordinator.handleStageError(message.request, AppError.fromReport(message.error));
  }
}

export class TestRoom {
  nowMs = 0;
  private readonly devices = new Map<PeerId, TestDevice>();

  async join(peerId: PeerId): Promise<TestDevice> {
    const options = { spec: SPEC, contextLength: SPEC.contextLength };
    const embedder = await createCpuEngine(options);
    await embedder.loadEmbedding(randomEmbedding(SPEC, TYPES, SEED));
    const device = new TestDevice(this, peerId, await createCpuEngine(options), embedder);
    this.devices.set(peerId, device);
    return device;
  }

  /** The device is gone without a word; the others are told as by their links. */
  lose(peerId: PeerId): void {
    this.devices.delete(peerId);
    for (const device of this.devices.values()) {
      device.coordinator.peerLost(peerId, `device ${peerId}`);
      device.stage.sourceLeft(peerId);
    }
  }

  reach(from: PeerId, to: PeerId): TestDevice {
    const device = this.devices.get(to);
    if (!device) throw new AppError('peer-lost', `no link from ${from} to ${to}`);
    return device;
  }

  /** Prepare, ready, activate, as the server does it. */
  async adopt(plan: Plan): Promise<void> {
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

/** A plan in which `peers[i]` ends at layer `ends[i]`. */
export function planOf(epoch: number, peers: PeerId[], ends: number[]): Plan {
  const stages = peers.map((peerId, i): Stage => {
    const layers = { startLayer: ends[i - 1] ?? 0, endLayer: ends[i]! };
    return { peerId, layers, head: i === peers.length - 1 };
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
    why: '',
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
  const { signal } = new AbortController();
  while (tokens.length < prompt.length + length) {
    await between(tokens.length - prompt.length);
    const row = await device.coordinator.feed(id, tokens, GREEDY, signal);
    tokens.push(row.topIds[0]!);
  }
  return tokens.slice(prompt.length);
}
