import type { ErrorReport } from '../src/shared/errors.ts';
import type { DeviceProfile } from '../src/shared/model/device-profile.ts';
import type { LinkMeasure, LinkProfile, PeerId } from '../src/shared/model/link-profile.ts';
import type { LoadProgress } from '../src/shared/model/load-progress.ts';
import type { ModelSpec } from '../src/shared/model/model-spec.ts';
import type { Plan } from '../src/shared/model/plan.ts';
import { DEFAULT_SETTINGS, type RoomSettings } from '../src/shared/model/room-settings.ts';
import type { ShardParts } from '../src/shared/model/shard-parts.ts';
import type { Followed } from '../src/shared/planner/drift.ts';
import type { Knock, RoomState, ServerEvent, ServerMessage } from '../src/shared/protocol/signaling.ts';

/** A tab in a room. */
export interface Member {
  peerId: PeerId;
  /** No other member has it. */
  name: string;
  donates: boolean;
  chats: boolean;
  /** Of the host key that it came with, good or not; null for none. */
  hostKeyHash: string | null;
  /** Of the last host key that it has ever come with or was given: what it loses when it is removed. */
  shownKeyHash: string | null;
  /** False while its connection is lost: it keeps its place for a while. */
  connected: boolean;
  tabKeyHash: string;
  profile: Followed<DeviceProfile> | null;
  progress: LoadProgress | null;
  problem: ErrorReport | null;
  /** What of the room's model it has wholly in its store; null when it has not said. */
  stored: ShardParts | null;
  /** How often it could not run its part since it last measured itself. */
  failures: number;
}

/** All that the server knows of a room. A value: every change makes a new one. */
export interface Room {
  code: string;
  hostKeyHashes: readonly string[];
  joinKey: string;
  passphraseHash: string | null;
  /** Hashes of the keys of tabs that a host has removed. */
  barred: readonly string[];
  knocks: readonly Knock[];
  nextKnockId: number;
  /** The chat that may take the host's rights. */
  offeredTo: PeerId | null;
  /** Ids and epochs count up and are never used twice. */
  nextPeerId: PeerId;
  nextEpoch: number;
  settings: RoomSettings;
  model: ModelSpec | null;
  members: readonly Member[];
  /** What each end last said of a link, by `linkKey(from, to)`; null: that it could not be made, or broke. */
  reports: ReadonlyMap<string, Followed<LinkMeasure> | null>;
  plan: Plan | null;
  preparing: Plan | null;
  /** Plans before the active one, until no chat uses them any more. */
  draining: readonly Plan[];
  /** A plan that lost a device and serves no more: what is left of it should be kept where it is. */
  broken: Plan | null;
  /** Stages of `preparing` that have loaded their part. */
  ready: ReadonlySet<PeerId>;
  /** Of a room made anew: who has not come back yet. What others say of links to them is of long ago. */
  awaited: ReadonlySet<PeerId>;
  /** Chats that may still use an epoch before the active one; null when nothing waits to be retired. */
  moving: ReadonlySet<PeerId> | null;
  problem: ErrorReport | null;
}

/** A message to a tab, with its event. */
export type Notice = { [E in ServerEvent]: { event: E; message: ServerMessage<E> } }[ServerEvent];

/** What the world has to do after a change. */
export type Effect =
  | { kind: 'send'; to: PeerId | 'all'; notice: Notice }
  /** The room's state as tabs see it has changed. */
  | { kind: 'state' }
  /** Only how far loading devices are: that may be told a little later. */
  | { kind: 'progress' }
  /** Something that plans depend on has changed. */
  | { kind: 'replan' }
  /** This device failed in a way that may pass: it should be tried again some time. */
  | { kind: 'retry'; peerId: PeerId; problem: ErrorReport; failures: number };

export interface Step {
  room: Room;
  effects: Effect[];
}

export const STATE: Effect = { kind: 'state' };
export const PROGRESS: Effect = { kind: 'progress' };
export const REPLAN: Effect = { kind: 'replan' };

export function toAll(notice: Notice): Effect {
  return { kind: 'send', to: 'all', notice };
}

/** What a room is made with. */
export interface RoomKeys {
  hostKeyHashes: readonly string[];
  joinKey: string;
  passphraseHash: string | null;
}

export function newRoom(
  code: string,
  keys: RoomKeys,
  settings: { [K in keyof RoomSettings]?: RoomSettings[K] | undefined },
): Room {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return {
    code,
    ...keys,
    barred: [],
    knocks: [],
    nextKnockId: 1,
    offeredTo: null,
    nextPeerId: 1,
    nextEpoch: 1,
    settings: { ...DEFAULT_SETTINGS, ...given },
    model: null,
    members: [],
    reports: new Map(),
    plan: null,
    preparing: null,
    draining: [],
    broken: null,
    ready: new Set(),
    awaited: new Set(),
    moving: null,
    problem: null,
  };
}

export function memberOf(room: Room, peerId: PeerId): Member | undefined {
  return room.members.find((member) => member.peerId === peerId);
}

/** True for one who holds a key of this room: one of another room of the same code, from long ago, gives no rights. */
export function hasHostKey(room: Room, { hostKeyHash }: Pick<Member, 'hostKeyHash'>): boolean {
  return hostKeyHash !== null && room.hostKeyHashes.includes(hostKeyHash);
}

/** Every tab that holds a host key. */
export function hostsOf(room: Room): PeerId[] {
  return room.members.filter((member) => hasHostKey(room, member)).map(({ peerId }) => peerId);
}

export function hasConnectedHost(room: Room): boolean {
  return room.members.some((member) => member.connected && hasHostKey(room, member));
}

/** True when a new plan may use this tab's device. */
export function isPlannable(member: Member): boolean {
  return member.connected && member.donates && member.profile !== null && member.problem === null;
}

/**
 * True while it serves its part of the active plan, whatever it may say of the next one: a download that failed, or a connection
 * to the server that is lost for a moment, takes nothing away from what it has loaded.
 */
export function servesPlan(room: Room, plan: Plan): boolean {
  return plan.stages.every(({ peerId }) => memberOf(room, peerId)?.donates ?? false);
}

export function linkKey(from: PeerId, to: PeerId): string {
  return `${from}>${to}`;
}

/** The mean of what both ends measured; null when there is no link, undefined when nobody has said anything yet. */
export function linkBetween(room: Room, a: PeerId, b: PeerId): LinkMeasure | null | undefined {
  const [there, back] = [room.reports.get(linkKey(a, b)), room.reports.get(linkKey(b, a))];
  const [one, other] = [there?.mean, back?.mean];
  if (!one || !other) return one ?? other ?? (there === null || back === null ? null : undefined);
  return { rttMs: (one.rttMs + other.rttMs) / 2, linkMbps: (one.linkMbps + other.linkMbps) / 2 };
}

/** True for one that neither the server nor any device that it reaches can reach: it is gone, and no place is kept. */
export function isOutOfReach(room: Room, peerId: PeerId): boolean {
  if (memberOf(room, peerId)?.connected !== false || room.awaited.has(peerId)) return false;
  const others = room.members.filter((member) => member.connected);
  return others.every((other) => linkBetween(room, other.peerId, peerId) === null);
}

export function measuredLinks(room: Room): LinkProfile[] {
  const ids = room.members.map((member) => member.peerId);
  return ids.flatMap((a, i) =>
    ids.slice(i + 1).flatMap((b) => {
      const link = linkBetween(room, a, b);
      return link ? [{ a, b, ...link }] : [];
    }),
  );
}

/** What every tab of the room may see: hashes of keys, and no key but the link's. */
export function publicState(room: Room): Omit<RoomState, 'seal'> {
  const { code, hostKeyHashes, joinKey, passphraseHash, barred, offeredTo, knocks, settings, model } = room;
  const { plan, preparing, problem, nextPeerId, nextEpoch } = room;
  return {
    code,
    hosts: hostsOf(room),
    hostKeyHashes: [...hostKeyHashes],
    joinKey,
    passphraseHash,
    barred: [...barred],
    offeredTo,
    knocks: [...knocks],
    settings,
    model,
    plan,
    preparing,
    problem,
    nextPeerId,
    nextEpoch,
    peers: room.members.map(publicMember),
    links: measuredLinks(room),
  };
}

function publicMember({ hostKeyHash: _, failures: __, stored: ___, profile, ...peer }: Member): RoomState['peers'][number] {
  return { ...peer, profile: profile?.mean ?? null };
}
