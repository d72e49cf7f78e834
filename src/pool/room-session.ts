import { SignalingClient } from '../mesh/signaling-client.ts';
import { AppError, type ErrorReport } from '../shared/errors.ts';
import type { EngineChoice } from '../shared/model/device-profile.ts';
import type { RoomSettings } from '../shared/model/room-settings.ts';
import { BEAT_INTERVAL_MS, type RoomState } from '../shared/protocol/signaling.ts';
import { PipelineClient } from '../workers/client.ts';
import type { DeviceMessage, RoomMessage } from '../workers/messages.ts';
import { readDeviceHints } from './device-hints.ts';
import { JoinGate } from './join-gate.ts';
import { randomTabKey, recallHostKey } from './keys.ts';
import { reportDevice } from './own-device.ts';
import { PlanFeed } from './plan-feed.ts';
import { PoolEngine } from './pool-engine.ts';
import { RoomLinks } from './room-links.ts';
import type { RoomView } from './room-view.ts';
import { createTell, type Tell } from './tell.ts';
import { initialView, ViewStore } from './view-store.ts';

export interface SessionOptions {
  code: string;
  role: { donates: boolean; chats: boolean };
  /** How the others see this device. */
  name: string;
  engine: EngineChoice;
  /** Bytes; null for the default of this device class. */
  lendBytes: number | null;
}

/** Joins a room with this tab's device; what happens then is told through `view`. */
export function openRoom(options: SessionOptions): RoomSession {
  return new RoomSession(options);
}

/**
 * One tab in one room: joins the signaling server, the links to the other devices and the pipeline worker. All state that
 * a page shows is in `view`, a new value after every change.
 */
export class RoomSession {
  readonly pool: PoolEngine;
  private readonly options: SessionOptions;
  private readonly signaling: SignalingClient;
  private readonly worker: PipelineClient;
  private readonly state: ViewStore;
  private readonly tell: Tell;
  private readonly links: RoomLinks;
  private readonly plans: PlanFeed;
  private readonly tabKey = randomTabKey();
  private readonly gate = new JoinGate();
  private modelKey = '';
  private lastBeatMs = 0;

  constructor(options: SessionOptions) {
    this.options = options;
    this.state = new ViewStore(initialView(options.role.donates, options.lendBytes));
    this.signaling = new SignalingClient();
    this.worker = new PipelineClient((message) => this.fromWorker(message));
    this.tell = createTell(this.signaling, this.state);
    this.links = new RoomLinks(this.state, this.tell);
    this.plans = new PlanFeed((message) => this.worker.send(message));
    this.pool = new PoolEngine({
      worker: this.worker,
      modelName: () => this.state.current.room?.model?.name ?? '',
      checkRoom: () => this.checkRoom(),
    });
    this.listen();
    addEventListener('pagehide', () => this.leave());
    // A page that comes back from the browser's history cache has left its room.
    addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
  }

  get view(): RoomView {
    return this.state.current;
  }

  subscribe(listener: (view: RoomView) => void): () => void {
    return this.state.subscribe(listener);
  }

  async setDonates(donates: boolean): Promise<void> {
    this.state.updateSelf({ donates });
    try {
      await this.signaling.request('peer:donates', { donates });
      this.worker.send({ kind: 'donates', donates });
    } catch (thrown) {
      this.state.updateSelf({ donates: !donates });
      throw thrown;
    }
  }

  async setLendBytes(lendBytes: number): Promise<void> {
    this.worker.send({ kind: 'lend', lendBytes });
    this.state.updateSelf({ lendBytes });
  }

  /** Host only. @throws AppError not-host */
  async setSettings(settings: RoomSettings): Promise<void> {
    await this.signaling.request('room:settings', settings);
  }

  leave(): void {
    if (this.state.current.phase === 'ended') return;
    this.end(null);
  }

  private listen(): void {
    const { signaling, gate } = this;
    signaling.onConnection((connected) => (connected ? this.join() : this.connectionLost()));
    signaling.on('room:state', (room) => gate.pass(() => this.applyRoom(room)));
    signaling.on('signal', ({ from, data }) => gate.pass(() => this.links.handleSignal(from, data)));
    signaling.on('peer:left', ({ peerId }) => gate.pass(() => this.links.peerLeft(peerId)));
    signaling.on('plan:prepare', ({ plan }) => gate.pass(() => this.plans.prepare(plan)));
    signaling.on('plan:activate', ({ epoch }) => gate.pass(() => this.plans.activate(epoch)));
    signaling.on('plan:retire', ({ epoch }) => gate.pass(() => this.worker.send({ kind: 'retire', epoch })));
    signaling.on('dropped', () => this.rejoin());
  }

  private async join(): Promise<void> {
    const { code, name, engine, lendBytes } = this.options;
    const { donates } = this.state.current.self;
    const { chats } = this.options.role;
    try {
      const joined = await this.signaling.request('room:join', {
        code,
        hostKey: recallHostKey(code),
        tabKey: this.tabKey,
        name,
        donates,
        chats,
      });
      const links = this.links.open(joined);
      const label = `${code}-${joined.peerId}`;
      const setup = { label, selfId: joined.peerId, chats, donates, engine, lendBytes };
      this.worker.send({ kind: 'setup', setup: { ...setup, hints: readDeviceHints() }, links });
      this.state.update({ phase: 'joined', selfId: joined.peerId, isHost: joined.isHost, error: null });
      this.applyRoom(joined.room);
      this.gate.open();
    } catch (thrown) {
      const error = AppError.from(thrown);
      // Joining was cut off: with the next connection this tab tries again.
      if (error.code === 'server-unreachable') this.signaling.reconnect();
      else this.end(error.toReport());
    }
  }

  /** The server gave this tab up for asleep. It is awake, or it would not hear of it. */
  private rejoin(): void {
    this.connectionLost();
    void this.join();
  }

  /** The server forgets a tab as soon as its socket closes, so that coming back means joining anew. */
  private connectionLost(): void {
    this.gate.close();
    if (this.state.current.phase !== 'joined') return;
    this.links.close();
    this.plans.reset();
    this.modelKey = '';
    this.state.update({ phase: 'reconnecting', selfId: null, links: [], room: null });
  }

  private applyRoom(room: RoomState): void {
    this.state.update({ room });
    this.links.setPeers(room.peers.map(({ peerId }) => peerId));
    this.openModel(room.settings);
    this.plans.state(room.plan, room.preparing, room.problem !== null);
  }

  private openModel({ modelUrl, contextLength, sourceLayers, headOnSource }: RoomSettings): void {
    const settings = { modelUrl, contextLength, sourceLayers, headOnSource };
    const key = JSON.stringify(settings);
    if (key === this.modelKey) return;
    this.modelKey = key;
    this.state.update({ error: null });
    this.worker.send({ kind: 'model', settings });
  }

  private fromWorker(message: DeviceMessage | RoomMessage): void {
    switch (message.kind) {
      case 'tick':
        this.tick(message.nowMs);
        break;
      case 'hung':
      case 'refused':
        break;
      case 'bad-frame':
        this.state.update({ error: message.error });
        break;
      case 'moved':
        this.tell('plan:moved', { epoch: message.epoch });
        break;
      case 'ready':
        this.tell('plan:ready', { epoch: message.epoch });
        break;
      case 'prepare-failed':
        this.tell('plan:failed', { epoch: message.epoch, error: message.error });
        break;
      case 'model-opened':
        this.modelOpened(message);
        break;
      case 'model-failed':
        this.state.update({ error: message.error });
        break;
      default:
        reportDevice(message, this.state, this.tell);
    }
  }

  private modelOpened({ modelUrl, spec }: Extract<RoomMessage, { kind: 'model-opened' }>): void {
    if (this.state.current.isHost) this.tell('room:model', { modelUrl, spec });
  }

  private tick(nowMs: number): void {
    this.links.tick(nowMs);
    if (this.state.current.phase !== 'joined' || nowMs - this.lastBeatMs < BEAT_INTERVAL_MS) return;
    this.lastBeatMs = nowMs;
    this.tell('beat', {});
  }

  /** @throws AppError with the reason when the room cannot answer at all and waiting will not help. */
  private checkRoom(): void {
    const { phase, room, error } = this.state.current;
    if (phase === 'ended') throw AppError.fromReport(error ?? { code: 'not-joined', message: 'this tab has left the room' });
    if (room && !room.plan && !room.preparing && room.problem) throw AppError.fromReport(room.problem);
    if (error && !room?.plan) throw AppError.fromReport(error);
  }

  private end(error: ErrorReport | null): void {
    this.state.update({ phase: 'ended', error });
    this.links.close();
    this.signaling.close();
    this.worker.terminate();
  }
}
