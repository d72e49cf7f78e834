import type { ErrorReport } from '../src/shared/errors.ts';
import type { DeviceProfile } from '../src/shared/model/device-profile.ts';
import type { LinkProfile, PeerId } from '../src/shared/model/link-profile.ts';
import type { ModelSpec } from '../src/shared/model/model-spec.ts';
import type { Plan } from '../src/shared/model/plan.ts';
import { DEFAULT_SETTINGS, type RoomSettings } from '../src/shared/model/room-settings.ts';
import type { Followed } from '../src/shared/planner/drift.ts';
import type { LinkMeasure, LoadProgress, RoomState, ServerEvent, ServerMessage } from '../src/shared/protocol/signaling.ts';

/** A tab in a room. */
export interface Member {
  peerId: PeerId;
  /** No other member has it. */
  name: string;
  donates: boolean;
  chats: boolean;
  hasHostKey: boolean;
  profile: Followed<DeviceProfile> | null;
  progress: LoadProgress | null;
  problem: ErrorReport | null;
  /** How often it could not run its part since it last measured itself. */
  failures: number;
}

/** All that the server knows of a room. A value: every change makes a new one. */
export interface Room {
  code: string;
  hostKey: string;
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
  /** A plan that lost a device and serves no more: what is left of it should be kept where it is. */
  broken: Plan | null;
  /** Stages of `preparing` that have loaded their part. */
  ready: ReadonlySet<PeerId>;
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
  /** Something that plans depend on has changed. */
  | { kind: 'replan' }
  /** This device failed in a way that may pass: it should be tried again some time. */
  | { kind: 'retry'; peerId: PeerId; problem: ErrorReport; failures: number };

export interface Step {
  room: Room;
  effects: Effect[];
}

export const STATE: Effect = { kind: 'state' };
export const REPLAN: Effect = { kind: 'replan' };

export function toAll(notice: Notice): Effect {
  return { kind: 'send', to: 'all', notice };
}

export function newRoom(
  code: string,
  hostKey: string,
  settings: { [K in keyof RoomSettings]?: RoomSettings[K] | undefined },
): Room {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return {
    code,
    hostKey,
    nextPeerId: 1,
    nextEpoch: 1,
    settings: { ...DEFAULT_SETTINGS, ...given },
    model: null,
    members: [],
    reports: new Map(),
    plan: null,
    preparing: null,
    broken: null,
    ready: new Set(),
    moving: null,
    problem: null,
  };
}

export function memberOf(room: Room, peerId: PeerId): Member | undefined {
  return room.members.find((member) => member.peerId === peerId);
}

/** The tab that came last with the host key. */
export function hostIdOf(room: Room): PeerId | null {
  return room.members.findLast((member) => member.hasHostKey)?.peerId ?? null;
}

/** True when a plan may use this tab's device. */
export function isPlannable(member: Member): boolean {
  return member.donates && member.profile !== null && member.problem === null;
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

export function measuredLinks(room: Room): LinkProfile[] {
  const ids = room.members.map((member) => member.peerId);
  return ids.flatMap((a, i) =>
    ids.slice(i + 1).flatMap((b) => {
      const link = linkBetween(room, a, b);
      return link ? [{ a, b, ...link }] : [];
    }),
  );
}

/** What every tab of the room may see: all but the host's key. */
export function publicState(room: Room): RoomState {
  return {
    code: room.code,
    hostId: hostIdOf(room),
    settings: room.settings,
    model: room.model,
    peers: room.members.map(({ hasHostKey: _, failures: __, profile, ...peer }) => ({ ...peer, profile: profile?.mean ?? null })),
    links: measuredLinks(room),
    plan: room.plan,
    preparing: room.preparing,
    problem: room.problem,
  };
}
