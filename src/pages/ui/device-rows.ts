import type { LinkState } from '../../mesh/link-state.ts';
import type { RoomView } from '../../room/room-view.ts';
import type { LayerRange } from '../../shared/model/layer-range.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { Plan, Stage } from '../../shared/model/plan.ts';
import type { PeerState, RoomState } from '../../shared/protocol/signaling.ts';
import { errorLine } from '../texts/errors.ts';
import { leftOutWords, type NameOf } from '../texts/plans.ts';
import { layerWords, loadedPercent } from './format.ts';
import { quotedPeer } from './peer-words.ts';

export type DeviceState = 'measuring' | 'loading' | 'serving' | 'idle' | 'problem';

/** One device as a page lists it. */
export interface DeviceRow {
  peerId: PeerId;
  name: string;
  isSelf: boolean;
  isHost: boolean;
  /** Its connection to the server is lost; its links may be as good as ever. */
  isAway: boolean;
  state: DeviceState;
  /** What it does, and why if it does nothing. */
  stateText: string;
  /** Layers it holds in the active plan, or will hold in the one being prepared. */
  layers: LayerRange | null;
  head: boolean;
  /** Its place in the chain, from 0: colour and number in the layer bar. */
  stageIndex: number | null;
  profile: PeerState['profile'];
  /** From this tab to that device; null for this tab itself and before the first attempt. */
  link: LinkState | null;
}

/** The devices of a room in the order that a token passes them, then those without layers. */
export function deviceRows(view: RoomView): DeviceRow[] {
  const { room } = view;
  if (room === null) return [];
  const rows = room.peers.map((peer) => deviceRow(peer, room, view));
  return rows.sort((a, b) => (a.stageIndex ?? rows.length) - (b.stageIndex ?? rows.length) || a.peerId - b.peerId);
}

function deviceRow(peer: PeerState, room: RoomState, view: RoomView): DeviceRow {
  const active = stageOf(room.plan, peer.peerId);
  const stage = active ?? stageOf(room.preparing, peer.peerId);
  const shownPlan = active === null ? room.preparing : room.plan;
  const { state, stateText } = stateOf(peer, room, quotedPeer(view));
  return {
    peerId: peer.peerId,
    name: peer.name,
    isSelf: peer.peerId === view.selfId,
    isHost: room.hosts.includes(peer.peerId),
    isAway: !peer.connected,
    state,
    stateText,
    layers: stage?.layers ?? null,
    head: stage?.head ?? false,
    stageIndex: stage === null ? null : (shownPlan?.stages.indexOf(stage) ?? null),
    profile: peer.profile,
    link: view.links.find((link) => link.peerId === peer.peerId) ?? null,
  };
}

function stageOf(plan: Plan | null, peerId: PeerId): Stage | null {
  return plan?.stages.find((stage) => stage.peerId === peerId) ?? null;
}

function stateOf(peer: PeerState, room: RoomState, nameOf: NameOf): Pick<DeviceRow, 'state' | 'stateText'> {
  const active = stageOf(room.plan, peer.peerId);
  const preparing = stageOf(room.preparing, peer.peerId);
  if (peer.problem !== null) return { state: 'problem', stateText: errorLine(peer.problem) };
  if (active !== null)
    return { state: 'serving', stateText: `Serving ${stageWords(active)}${nextWords(active, preparing, peer)}` };
  if (!peer.donates) return { state: 'idle', stateText: 'Chats only: it lends nothing' };
  if (peer.profile === null) return { state: 'measuring', stateText: 'Measuring its speed' };
  if (preparing !== null) return { state: 'loading', stateText: `Loading ${stageWords(preparing)}: ${percentWords(peer)}` };
  return { state: 'idle', stateText: idleWords(room, peer.peerId, nameOf) };
}

function stageWords(stage: Stage): string {
  const head = stage.head ? ' and the output' : '';
  return `${layerWords(stage.layers)}${head}`;
}

/** A stage that serves while it loads its part of the next plan says so; one whose part stays the same has nothing to say. */
function nextWords(active: Stage, next: Stage | null, peer: PeerState): string {
  if (next === null || stageWords(active) === stageWords(next)) return '';
  return `, loading ${stageWords(next)}: ${percentWords(peer)}`;
}

function percentWords(peer: PeerState): string {
  return peer.progress === null ? '0%' : `${loadedPercent(peer.progress)}%`;
}

function idleWords(room: RoomState, peerId: PeerId, nameOf: NameOf): string {
  const plan = room.preparing ?? room.plan;
  const leftOut = plan?.leftOut.find((one) => one.peerId === peerId);
  if (leftOut !== undefined) return `Idle: ${leftOutWords(leftOut, nameOf)}`;
  if (room.preparing !== null) return 'Idle: the plan being loaded is faster without it';
  if (room.plan !== null) return 'Idle: the plan is faster without it';
  return room.problem === null ? 'Idle: waiting for a plan' : 'Idle: the room has no plan yet';
}
