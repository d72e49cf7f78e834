import type { RoomView } from '../../../room/room-view.ts';
import type { DeviceProfile } from '../../../shared/model/device-profile.ts';
import type { Plan, Stage } from '../../../shared/model/plan.ts';
import type { PlanWhy } from '../../../shared/model/plan-reasons.ts';
import { DEFAULT_SETTINGS } from '../../../shared/model/room-settings.ts';
import type { PeerState, RoomState } from '../../../shared/protocol/signaling.ts';
import type { PageSession } from '../page-session.ts';

/** Rooms for tests of the pages: small whole values to change one thing of. */

export const TEST_CODE = 'AB2CD';
export const TEST_KEY = 'k'.repeat(16);

export const testProfile: DeviceProfile = {
  engine: 'webgpu',
  adapter: 'Test adapter',
  decodeLayerMs: 1.25,
  prefillLayerMsPerToken: 0.25,
  forwardOverheadMs: 2,
  headMs: 3,
  lendBytes: 1_000_000_000,
};

export function testPeer(peerId: number, change: Partial<PeerState> = {}): PeerState {
  const blank = { progress: null, problem: null, connected: true, tabKeyHash: 't'.repeat(43), shownKeyHash: null };
  return { peerId, name: `Device ${peerId}`, donates: true, chats: false, profile: testProfile, ...blank, ...change };
}

export function testStage(peerId: number, startLayer: number, endLayer: number, head = false): Stage {
  return { peerId, layers: { startLayer, endLayer }, head };
}

const testWhy: PlanWhy = {
  code: 'chain',
  devices: 2,
  expected: { objective: 'latency', msPerToken: 40 },
  computeMs: 30,
  linksMs: 6,
  overheadMs: 4,
  aloneMs: 80,
  possibleGain: null,
  tooLittleBetter: null,
};

export function testPlan(stages: Stage[], change: Partial<Plan> = {}): Plan {
  const rates = { msPerToken: 40, bottleneckMs: 20, tokensPerSecond: 25, firstTokenMs: 400 };
  const stageTimes = { stageMs: stages.map(() => 10), overheadMs: stages.map(() => 1), linkMs: [1, ...stages.map(() => 1)] };
  const predicted = { ...rates, ...stageTimes };
  const { modelUrl, wireDtype } = DEFAULT_SETTINGS;
  return {
    epoch: 1,
    modelUrl,
    contextLength: 512,
    wireDtype,
    objective: 'latency',
    sourceLayers: 0,
    stages,
    predicted,
    why: testWhy,
    leftOut: [],
    ...change,
  };
}

export function testRoom(peers: PeerState[], change: Partial<RoomState> = {}): RoomState {
  const nothing = { model: null, links: [], plan: null, preparing: null, problem: null, offeredTo: null, passphraseHash: null };
  const rights = { hosts: [1], hostKeyHashes: ['h'.repeat(43)], joinKey: TEST_KEY, barred: [], knocks: [] };
  const next = { nextPeerId: 100, nextEpoch: 100, seal: { dateMs: 1, mac: 'm'.repeat(43) } };
  return { code: TEST_CODE, settings: DEFAULT_SETTINGS, peers, ...nothing, ...rights, ...next, ...change };
}

export function testView(room: RoomState | null, change: Partial<RoomView> = {}): RoomView {
  const device = { donates: true, engine: null, engineNote: null, measuring: false, profile: null };
  const self = { ...device, load: null, notKept: null, stage: null };
  return {
    phase: 'joined',
    error: null,
    selfId: 1,
    isHost: true,
    room,
    links: [],
    self: { ...self, lendBytes: 1_000_000_000, tokensServed: 0 },
    diagnostics: { badServerMessages: 0, badPeerMessages: 0, droppedFrames: 0 },
    ...change,
  };
}

/** A session whose view the test sets, and which remembers what the page asked of it. */
export class TestSession implements PageSession {
  view: RoomView;
  readonly calls: string[] = [];
  private readonly listeners = new Set<(view: RoomView) => void>();

  constructor(view: RoomView) {
    this.view = view;
  }

  show(view: RoomView): void {
    this.view = view;
    for (const listener of this.listeners) listener(view);
  }

  subscribe(listener: (view: RoomView) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setDonates = async (donates: boolean) => this.note('setDonates', donates);
  setLendBytes = async (lendBytes: number) => this.note('setLendBytes', lendBytes);
  setSettings: PageSession['setSettings'] = async (settings) => this.note('setSettings', settings);
  allow: PageSession['allow'] = async (...args) => this.note('allow', ...args);
  removePeer: PageSession['removePeer'] = async (peerId) => this.note('removePeer', peerId);
  renewLink = async () => this.note('renewLink', null);
  takeHost: PageSession['takeHost'] = async (accept) => this.note('takeHost', accept);
  givePassphrase: PageSession['givePassphrase'] = (passphrase) => this.note('givePassphrase', passphrase);
  leave = () => this.note('leave', null);

  private note(call: string, ...args: unknown[]): void {
    this.calls.push([call, ...args.map((argument) => JSON.stringify(argument))].join(' '));
  }
}
