import { AppError, type ErrorReport } from '../src/shared/errors.ts';
import type { DeviceProfile, ProfileOrigin } from '../src/shared/model/device-profile.ts';
import { MAX_PEERS_PER_ROOM } from '../src/shared/model/limits.ts';
import type { LinkMeasure, PeerId } from '../src/shared/model/link-profile.ts';
import type { LoadProgress } from '../src/shared/model/load-progress.ts';
import type { ModelSpec } from '../src/shared/model/model-spec.ts';
import type { RoomSettings } from '../src/shared/model/room-settings.ts';
import { DEVICE_TIMES, type Followed, follow, followAnew, LINK_NUMBERS, startFollowing } from '../src/shared/planner/drift.ts';
import type { PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';
import { MAX_BARRED, MAX_HOST_KEYS, MAX_KNOCKS_PER_ROOM } from '../src/shared/protocol/signaling.ts';
import { displayName } from './display-name.ts';
import { afterLeaving, chatMoved, planned, stageFailed, stageReady, tryAgain } from './plan-lifecycle.ts';
import {
  type Effect,
  hasHostKey,
  isOutOfReach,
  linkKey,
  type Member,
  memberOf,
  PROGRESS,
  REPLAN,
  type Room,
  STATE,
  type Step,
  toAll,
} from './room-state.ts';

export type JoinRequest = Pick<Member, 'name' | 'donates' | 'chats' | 'hostKeyHash' | 'tabKeyHash'>;

/** What happens to a room. `peerId` is a member: the caller has checked it. */
export type RoomEvent =
  | ({ kind: 'join' } & JoinRequest)
  | { kind: 'leave'; peerId: PeerId }
  /** Its connection is lost, or it has fallen silent. */
  | { kind: 'away'; peerId: PeerId }
  /** It is in its place again. */
  | ({ kind: 'back'; peerId: PeerId } & Pick<Member, 'donates' | 'chats' | 'hostKeyHash'>)
  | ({ kind: 'knock' } & Pick<Member, 'name' | 'donates' | 'chats'>)
  | { kind: 'knock-over'; knockId: number }
  | { kind: 'remove'; peerId: PeerId; target: PeerId; joinKey: string }
  | { kind: 'renew-link'; peerId: PeerId; joinKey: string }
  | { kind: 'offer'; to: PeerId | null }
  | { kind: 'take-host'; peerId: PeerId; keyHash: string }
  | { kind: 'settings'; peerId: PeerId; settings: RoomSettings }
  | { kind: 'model'; peerId: PeerId; modelUrl: string; spec: ModelSpec }
  | { kind: 'donates'; peerId: PeerId; donates: boolean }
  | { kind: 'profile'; peerId: PeerId; profile: DeviceProfile; origin: ProfileOrigin }
  | { kind: 'progress'; peerId: PeerId; epoch: number; progress: LoadProgress }
  | { kind: 'link'; peerId: PeerId; to: PeerId; link: LinkMeasure | null }
  | { kind: 'stored'; peerId: PeerId; modelUrl: string; layers: number[]; head: boolean }
  | { kind: 'ready'; peerId: PeerId; epoch: number }
  /** `peerId` is the stage that failed, by its own word or by that of a chat that waits for it. */
  | { kind: 'failed'; peerId: PeerId; epoch: number; error: ErrorReport }
  | { kind: 'retry'; peerId: PeerId; problem: ErrorReport }
  | { kind: 'moved'; peerId: PeerId; epoch: number }
  | { kind: 'planned'; asked: PlanningProblem; result: PlanResult };

/**
 * The room after an event, and what the world has to do about it.
 *
 * @throws AppError `room-full`, `not-host`, `peer-not-found`, or `bad-message` when the event contradicts the room.
 */
export function applyToRoom(room: Room, event: RoomEvent): Step {
  switch (event.kind) {
    case 'join':
      return join(room, event);
    case 'leave':
      return leave(room, event.peerId);
    case 'away':
      return wentAway(room, event.peerId);
    case 'back':
      return cameBack(room, event.peerId, event);
    case 'knock':
      return knocked(room, event);
    case 'knock-over':
      return { room: { ...room, knocks: room.knocks.filter(({ knockId }) => knockId !== event.knockId) }, effects: [STATE] };
    case 'remove':
      return removed(room, event.peerId, event.target, event.joinKey);
    case 'renew-link':
      requireHost(room, event.peerId);
      return { room: { ...room, joinKey: event.joinKey }, effects: [STATE] };
    case 'offer':
      return { room: { ...room, offeredTo: event.to }, effects: [STATE] };
    case 'take-host':
      return takenOver(room, event.peerId, event.keyHash);
    case 'settings':
      requireHost(room, event.peerId);
      return withSettings(room, event.settings);
    case 'model':
      return learnModel(room, event.peerId, event.modelUrl, event.spec);
    case 'donates':
      return withMember(room, event.peerId, { donates: event.donates }, [STATE, REPLAN]);
    case 'profile':
      return profiled(room, event.peerId, event.profile, event.origin);
    case 'progress':
      return progressed(room, event.peerId, event.epoch, event.progress);
    case 'link':
      return reportLink(room, event.peerId, event.to, event.link);
    case 'stored':
      return event.modelUrl === room.settings.modelUrl
        ? withMember(room, event.peerId, { stored: { layers: event.layers, head: event.head } }, [])
        : { room, effects: [] };
    case 'ready':
      return stageReady(room, event.peerId, event.epoch);
    case 'failed':
      return stageFailed(room, event.peerId, event.epoch, event.error);
    case 'retry':
      return tryAgain(room, event.peerId, event.problem);
    case 'moved':
      return chatMoved(room, event.peerId, event.epoch);
    case 'planned':
      return planned(room, event.asked, event.result);
  }
}

/** The newcomer has the id that `nextPeerId` was before. */
function join(room: Room, { name: asked, donates, chats, hostKeyHash, tabKeyHash }: JoinRequest): Step {
  if (room.members.length >= MAX_PEERS_PER_ROOM) {
    throw new AppError('room-full', `room ${room.code} has ${room.members.length} devices, the most that it may have`, {
      values: { code: room.code, devices: room.members.length },
    });
  }
  const peerId = room.nextPeerId;
  const taken = room.members.map((member) => member.name);
  const name = displayName(asked, room.members.length + 1, taken);
  const member = newMember({ peerId, name, donates, chats, hostKeyHash, shownKeyHash: hostKeyHash, tabKeyHash, connected: true });
  const effects: Effect[] = [...plansFor(room, peerId), STATE, REPLAN];
  return { room: { ...room, members: [...room.members, member], nextPeerId: peerId + 1 }, effects };
}

/** A tab of which nothing is known but who it is. */
export function newMember(identity: Omit<Member, 'profile' | 'progress' | 'problem' | 'stored' | 'failures'>): Member {
  return { ...identity, profile: null, progress: null, problem: null, stored: null, failures: 0 };
}

/** What a tab that has just come has missed of plans. */
function plansFor(room: Room, to: PeerId): Effect[] {
  const effects: Effect[] = [];
  if (room.preparing) effects.push({ kind: 'send', to, notice: { event: 'plan:prepare', message: { plan: room.preparing } } });
  const olderEpoch = (room.plan?.epoch ?? 0) - 1;
  if (room.moving === null && olderEpoch > 0) {
    effects.push({ kind: 'send', to, notice: { event: 'plan:retire', message: { epoch: olderEpoch } } });
  }
  return effects;
}

export function leave(room: Room, peerId: PeerId): Step {
  const members = room.members.filter((member) => member.peerId !== peerId);
  const reports = new Map([...room.reports].filter(([key]) => !key.split('>').includes(String(peerId))));
  const offeredTo = room.offeredTo === peerId ? null : room.offeredTo;
  const rest = afterLeaving({ ...room, members, reports, offeredTo }, peerId);
  return { room: rest.room, effects: [toAll({ event: 'peer:left', message: { peerId } }), ...rest.effects, STATE, REPLAN] };
}

/** Its links may be as good as ever: the others hear that it is away, and a plan that it serves goes on. */
function wentAway(room: Room, peerId: PeerId): Step {
  const offeredTo = room.offeredTo === peerId ? null : room.offeredTo;
  return withMember({ ...room, offeredTo }, peerId, { connected: false }, [STATE, REPLAN]);
}

function cameBack(
  room: Room,
  peerId: PeerId,
  { donates, chats, hostKeyHash }: Pick<Member, 'donates' | 'chats' | 'hostKeyHash'>,
): Step {
  const shownKeyHash = hostKeyHash ?? memberOf(room, peerId)?.shownKeyHash ?? null;
  const change = { connected: true, donates, chats, hostKeyHash, shownKeyHash };
  const awaited = new Set([...room.awaited].filter((one) => one !== peerId));
  return withMember({ ...room, awaited }, peerId, change, [...plansFor(room, peerId), STATE, REPLAN]);
}

function knocked(room: Room, { name: asked, donates, chats }: Pick<Member, 'name' | 'donates' | 'chats'>): Step {
  if (room.knocks.length >= MAX_KNOCKS_PER_ROOM) {
    throw new AppError('room-full', `${room.knocks.length} others wait to be let into room ${room.code}`, {
      values: { code: room.code, waiting: room.knocks.length },
    });
  }
  const knockId = room.nextKnockId;
  const name = displayName(asked, knockId, []);
  const knocks = [...room.knocks, { knockId, name, donates, chats }];
  return { room: { ...room, knocks, nextKnockId: knockId + 1 }, effects: [STATE] };
}

/**
 * The tab itself is told by whoever keeps the connections. The link that it knows is no good any more, nor is the key by which it had taken
 * the rights over; the first key is good for as long as the room is.
 */
function removed(room: Room, peerId: PeerId, target: PeerId, joinKey: string): Step {
  requireHost(room, peerId);
  const member = memberOf(room, target);
  if (!member || target === peerId) throw new AppError('peer-not-found', `no other device ${target} in room ${room.code}`);
  const barred = [...room.barred, member.tabKeyHash].slice(-MAX_BARRED);
  const [first, ...later] = room.hostKeyHashes;
  const hostKeyHashes = [first!, ...later.filter((hash) => hash !== member.shownKeyHash)];
  return leave({ ...room, joinKey, barred, hostKeyHashes }, target);
}

function takenOver(room: Room, peerId: PeerId, keyHash: string): Step {
  if (room.offeredTo !== peerId) throw new AppError('not-host', `the rights of room ${room.code} are not offered to this tab`);
  // One that it had taken before is lost with this: a tab has one key at most that it was given.
  const [first, ...all] = room.hostKeyHashes;
  const later = all.filter((hash) => hash !== memberOf(room, peerId)?.shownKeyHash);
  const hostKeyHashes = [first!, ...[...later, keyHash].slice(1 - MAX_HOST_KEYS)];
  const change = { hostKeyHash: keyHash, shownKeyHash: keyHash };
  return withMember({ ...room, hostKeyHashes, offeredTo: null }, peerId, change, [STATE]);
}

/** Settings that tabs start anew for. */
const ANEW_FOR = ['contextLength', 'sourceLayers', 'headOnSource'] as const;

/** Another model makes everything known of the old one void. */
export function withSettings(room: Room, settings: RoomSettings): Step {
  if (settings.modelUrl === room.settings.modelUrl) {
    // Tabs start anew for another context or another part of their own, and hold nothing of the plan before it.
    const isSame = ANEW_FOR.every((name) => settings[name] === room.settings[name]);
    const rest = isSame ? room : withoutPlans(room);
    return { room: { ...rest, settings }, effects: [STATE, REPLAN] };
  }
  const members = room.members.map((member) => ({
    ...member,
    profile: null,
    progress: null,
    problem: null,
    stored: null,
    failures: 0,
  }));
  return { room: { ...withoutPlans(room), settings, model: null, members }, effects: [STATE] };
}

function learnModel(room: Room, peerId: PeerId, modelUrl: string, spec: ModelSpec): Step {
  requireHost(room, peerId);
  if (modelUrl !== room.settings.modelUrl) {
    throw new AppError('bad-message', `the room's model is ${room.settings.modelUrl}, not ${modelUrl}`);
  }
  if (spec.layerBytes.length !== spec.nLayers) {
    throw new AppError('bad-message', `${spec.nLayers} layers, but sizes of ${spec.layerBytes.length}`);
  }
  return withModel(room, spec);
}

export function withModel(room: Room, spec: ModelSpec): Step {
  if (room.model && JSON.stringify(room.model) === JSON.stringify(spec)) return { room, effects: [] };
  return { room: { ...withoutPlans(room), model: spec }, effects: [STATE, REPLAN] };
}

function withoutPlans(room: Room): Room {
  return { ...room, plan: null, preparing: null, draining: [], broken: null, ready: new Set(), moving: null, problem: null };
}

function requireHost(room: Room, peerId: PeerId): void {
  const member = memberOf(room, peerId);
  if (!member || !hasHostKey(room, member)) throw new AppError('not-host', `only the host of room ${room.code} may change this`);
}

function withMember(room: Room, peerId: PeerId, change: Partial<Member>, effects: Effect[]): Step {
  const members = room.members.map((member) => (member.peerId === peerId ? { ...member, ...change } : member));
  return { room: { ...room, members }, effects };
}

function progressed(room: Room, peerId: PeerId, epoch: number, progress: LoadProgress): Step {
  const isCurrent = room.plan?.epoch === epoch || room.preparing?.epoch === epoch;
  return isCurrent ? withMember(room, peerId, { progress }, [PROGRESS]) : { room, effects: [] };
}

/**
 * A link is measured by either end, or both. A broken one is broken for both; one that works again is believed from either,
 * and what was measured of it before counts no more.
 */
function reportLink(room: Room, from: PeerId, to: PeerId, link: LinkMeasure | null): Step {
  if (from === to || !memberOf(room, to)) throw new AppError('peer-not-found', `no other device ${to} in room ${room.code}`);
  const reports = new Map(room.reports);
  const [there, back] = [linkKey(from, to), linkKey(to, from)];
  const before = reports.get(there);
  if (!link) {
    const isNews = before !== null || reports.get(back) !== null;
    const next = { ...room, reports: reports.set(there, null).set(back, null) };
    return isOutOfReach(next, to) ? leave(next, to) : { room: next, effects: isNews ? [STATE, REPLAN] : [] };
  }
  if (reports.get(back) === null) reports.delete(back);
  const { now, hasDrifted } = before ? followLink(before, link) : { now: startFollowing(link), hasDrifted: true };
  return { room: { ...room, reports: reports.set(there, now) }, effects: hasDrifted ? [STATE, REPLAN] : [STATE] };
}

/** What was measured first, in the rush of two tabs that start, counts only until the link is measured again. */
function followLink(before: Followed<LinkMeasure>, link: LinkMeasure): { now: Followed<LinkMeasure>; hasDrifted: boolean } {
  return before.samples > 1 ? follow(before, link, LINK_NUMBERS) : followAnew(before, link, LINK_NUMBERS);
}

/** A device says what it can do. Samples of one that has not measured itself, or of another model, tell nothing. */
function profiled(room: Room, peerId: PeerId, profile: DeviceProfile, origin: ProfileOrigin): Step {
  const known = memberOf(room, peerId)?.profile;
  if (origin === 'measured')
    return withMember(room, peerId, { profile: startFollowing(profile), problem: null, failures: 0 }, [STATE, REPLAN]);
  if (!known) return { room, effects: [] };
  if (origin === 'unchanged') {
    const lent = { ...known, mean: { ...known.mean, lendBytes: profile.lendBytes } };
    return withMember(room, peerId, { profile: lent, problem: null, failures: 0 }, [STATE, REPLAN]);
  }
  const { now, hasDrifted } = follow(known, profile, DEVICE_TIMES);
  return withMember(room, peerId, { profile: now }, hasDrifted ? [STATE, REPLAN] : [STATE]);
}
