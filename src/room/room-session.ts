import type { ErrorReport } from '../shared/errors.ts';
import type { DeviceMessage } from '../shared/model/device-message.ts';
import type { EngineChoice } from '../shared/model/device-profile.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { RoomSettings } from '../shared/model/room-settings.ts';
import { applyRoomChange } from '../shared/protocol/room-change.ts';
import { BEAT_INTERVAL_MS, type Joined, type RoomState } from '../shared/protocol/signaling.ts';
import type { PipelineClient } from '../workers/client.ts';
import type { RoomMessage, WorkerSetup } from '../workers/messages.ts';
import { rememberKey } from './kept-keys.ts';
import { Membership, type Signaling } from './membership.ts';
import { reportDevice } from './own-device.ts';
import { PlanFeed } from './plan-feed.ts';
import type { RoomLinks } from './room-links.ts';
import type { RoomView } from './room-view.ts';
import { Told } from './tell-again.ts';
import { createTell, type Tell } from './tell-server.ts';
import { initialView, ViewStore } from './view-store.ts';

export interface SessionOptions {
  code: string;
  /** Of the room's link: with it nobody is asked. Null for whoever typed the code. */
  joinKey: string | null;
  role: { donates: boolean; chats: boolean };
  /** How the others see this device. */
  name: string;
  engine: EngineChoice;
  /** Bytes; null for the default of this device class. */
  lendBytes: number | null;
}

type SessionWorker = Pick<PipelineClient, 'send' | 'generate' | 'terminate'>;
type SessionLinks = Pick<RoomLinks, keyof RoomLinks>;

/** What a session is made of; tests have others. */
export interface SessionParts {
  openSignaling(onProtocolError: () => void): Signaling;
  openWorker(onMessage: (message: DeviceMessage | RoomMessage) => void): SessionWorker;
  openLinks(view: ViewStore, tell: Tell): SessionLinks;
  hints: WorkerSetup['hints'];
}

/**
 * One tab in one room: joins the signaling server, the links to the other devices and the pipeline worker. All state that
 * a page shows is in `view`, a new value after every change.
 */
export class RoomSession {
  private readonly options: SessionOptions;
  private readonly hints: WorkerSetup['hints'];
  private readonly signaling: Signaling;
  private readonly membership: Membership;
  readonly worker: SessionWorker;
  private readonly state: ViewStore;
  private readonly told: Told;
  private readonly links: SessionLinks;
  private readonly plans: PlanFeed;
  private lendBytes: number | null;
  private modelKey = '';
  private opened: Extract<RoomMessage, { kind: 'model-opened' }> | null = null;
  private lastBeatMs = 0;

  constructor(options: SessionOptions, parts: SessionParts) {
    this.options = options;
    this.hints = parts.hints;
    this.lendBytes = options.lendBytes;
    this.state = new ViewStore(initialView(options.role.donates, options.lendBytes));
    this.signaling = parts.openSignaling(() => this.state.count('badServerMessages'));
    this.worker = parts.openWorker((message) => this.fromWorker(message));
    this.told = new Told(createTell(this.signaling, this.state));
    this.links = parts.openLinks(this.state, this.told.tell);
    this.plans = new PlanFeed((message) => this.worker.send(message));
    this.membership = new Membership({
      code: options.code,
      name: options.name,
      chats: options.role.chats,
      joinKey: options.joinKey,
      signaling: this.signaling,
      view: this.state,
      onJoined: (joined, isBack) => this.joined(joined, isBack),
      onLost: () => this.links.serverGone(),
      onRefused: (error) => this.end(error),
    });
    this.listen();
  }

  get view(): RoomView {
    return this.state.current;
  }

  subscribe(listener: (view: RoomView) => void): () => void {
    return this.state.subscribe(listener);
  }

  /** For `view.phase` `passphrase`: tries to join with it. */
  givePassphrase(passphrase: string): void {
    this.membership.givePassphrase(passphrase);
  }

  async setDonates(donates: boolean): Promise<void> {
    this.state.updateSelf({ donates });
    this.worker.send({ kind: 'donates', donates });
    this.told.tell('peer:donates', { donates });
  }

  async setLendBytes(lendBytes: number): Promise<void> {
    this.lendBytes = lendBytes;
    this.worker.send({ kind: 'lend', lendBytes });
    this.state.updateSelf({ lendBytes });
  }

  /** Host only. @throws AppError not-host */
  async setSettings(settings: RoomSettings): Promise<void> {
    await this.signaling.request('room:settings', settings);
  }

  /** Host only: lets somebody in who knocks, or not. @throws AppError not-host, peer-not-found for one who has gone */
  async allow(knockId: number, allow: boolean): Promise<void> {
    await this.signaling.request('room:allow', { knockId, allow });
  }

  /** Host only: ends that tab, and renews the link so that it does not come back. @throws AppError not-host, peer-not-found */
  async removePeer(peerId: PeerId): Promise<void> {
    await this.signaling.request('room:remove', { peerId });
  }

  /** Host only: the link given out so far lets nobody in any more. @throws AppError not-host */
  async renewLink(): Promise<void> {
    await this.signaling.request('room:renew-link', {});
  }

  /** Answers the offer of the host's rights, `view.room.offeredTo`. @throws AppError not-host when somebody else has them now */
  async takeHost(accept: boolean): Promise<void> {
    const { hostKey } = await this.signaling.request('host:take', { accept });
    if (hostKey !== null) rememberKey('host', this.options.code, hostKey);
  }

  leave(): void {
    if (this.state.current.phase === 'ended') return;
    // Whoever only loses its connection keeps its place for a while.
    this.signaling.request('room:leave', {}).catch(() => {});
    this.end(null);
  }

  private listen(): void {
    const { signaling } = this;
    const { gate } = this.membership;
    signaling.on('room:change', (change) =>
      gate.pass(() => this.applyRoom(applyRoomChange(this.state.current.room!, change), true)),
    );
    signaling.on('signal', ({ from, data }) => gate.pass(() => this.links.handleSignal(from, data)));
    signaling.on('peer:left', ({ peerId }) => gate.pass(() => this.peerLeft(peerId)));
    signaling.on('plan:prepare', ({ plan }) => gate.pass(() => this.plans.prepare(plan)));
    signaling.on('plan:activate', ({ epoch }) => gate.pass(() => this.plans.activate(epoch)));
    signaling.on('plan:retire', ({ epoch }) => gate.pass(() => this.worker.send({ kind: 'retire', epoch })));
  }

  private joined(joined: Joined, isBack: boolean): void {
    if (isBack) this.takeLeave(joined.room);
    else this.setUp(joined);
    this.state.update({ phase: 'joined', selfId: joined.peerId });
    this.applyRoom(joined.room, false);
    if (isBack) this.cameBack(joined);
  }

  /** As nobody that the room has known: nothing of what this tab had before, under another id, is of use. */
  private setUp(joined: Joined): void {
    const { code, engine, role } = this.options;
    this.told.forgetAll();
    this.plans.reset();
    this.modelKey = '';
    this.state.update({ error: null, links: [] });
    const links = this.links.open(joined);
    const { donates } = this.state.current.self;
    const device = { engine, lendBytes: this.lendBytes, hints: this.hints };
    const label = `${code}-${joined.peerId}`;
    this.worker.send({ kind: 'setup', setup: { label, selfId: joined.peerId, chats: role.chats, donates, ...device }, links });
  }

  /** In its own place again: the server hears what it may have missed or forgotten, and nothing else happens. */
  private cameBack({ room, peerId, iceServers }: Joined): void {
    const open = this.state.current.links.filter(({ state }) => state === 'open');
    this.told.again({ room, selfId: peerId, linked: new Set(open.map((link) => link.peerId)) });
    this.links.serverBack(iceServers);
  }

  /** Of those who left while the server was away. */
  private takeLeave(room: RoomState): void {
    const present = new Set(room.peers.map(({ peerId }) => peerId));
    for (const { peerId } of this.state.current.room?.peers ?? []) if (!present.has(peerId)) this.peerLeft(peerId);
  }

  /** @param isNews false for the state that a tab finds when it comes, or comes back */
  private applyRoom(room: RoomState, isNews: boolean): void {
    const before = this.state.current;
    const isHost = before.selfId !== null && room.hosts.includes(before.selfId);
    this.state.update({ room, isHost });
    if (room.joinKey !== before.room?.joinKey) rememberKey('join', room.code, room.joinKey);
    this.links.setPeers(room.peers.map(({ peerId }) => peerId));
    const away = room.peers.filter(({ connected }) => !connected);
    this.links.setAway(
      away.map(({ peerId }) => peerId),
      isNews,
    );
    this.openModel(room.settings);
    if (isHost && !before.isHost) this.tellModel();
    // What went wrong before a plan was active is over with it.
    if (room.plan && room.plan.epoch !== before.room?.plan?.epoch) this.state.update({ error: null });
    this.plans.state(room);
  }

  private peerLeft(peerId: PeerId): void {
    this.told.forgetPeer(peerId);
    this.links.peerLeft(peerId);
  }

  private openModel({ modelUrl, contextLength, sourceLayers, headOnSource }: RoomSettings): void {
    const settings = { modelUrl, contextLength, sourceLayers, headOnSource };
    const key = JSON.stringify(settings);
    if (key === this.modelKey) return;
    this.modelKey = key;
    this.opened = null;
    this.told.forgetModel();
    this.state.update({ error: null });
    this.worker.send({ kind: 'model', settings });
  }

  private fromWorker(message: DeviceMessage | RoomMessage): void {
    const { tell } = this.told;
    switch (message.kind) {
      case 'tick':
        this.tick(message.nowMs);
        break;
      case 'hung':
        tell('plan:hung', { epoch: message.epoch, peerId: message.peerId });
        break;
      case 'refused':
        this.state.count('droppedFrames');
        break;
      case 'bad-frame':
        this.state.count('badPeerMessages');
        break;
      case 'moved':
        tell('plan:moved', { epoch: message.epoch });
        break;
      case 'ready':
        tell('plan:ready', { epoch: message.epoch });
        break;
      case 'prepare-failed':
        tell('plan:failed', { epoch: message.epoch, error: message.error });
        break;
      case 'model-opened':
        this.opened = message;
        if (this.state.current.isHost) this.tellModel();
        break;
      case 'model-failed':
        this.state.update({ error: message.error });
        break;
      default:
        reportDevice(message, this.state, tell);
    }
  }

  private tellModel(): void {
    if (this.opened) this.told.tell('room:model', { modelUrl: this.opened.modelUrl, spec: this.opened.spec });
  }

  private tick(nowMs: number): void {
    this.links.tick(nowMs);
    if (nowMs - this.lastBeatMs < BEAT_INTERVAL_MS) return;
    this.lastBeatMs = nowMs;
    this.told.tell('beat', {});
  }

  private end(error: ErrorReport | null): void {
    this.state.update({ phase: 'ended', error });
    this.membership.end();
    this.links.close();
    this.signaling.close();
    this.worker.terminate();
  }
}
