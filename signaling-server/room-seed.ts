import { isDeepStrictEqual } from 'node:util';
import { AppError } from '../src/shared/errors.ts';
import { MAX_PEERS_PER_ROOM } from '../src/shared/model/limits.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import { MAX_BARRED, MAX_HOST_KEYS, type RoomSeed } from '../src/shared/protocol/signaling.ts';
import { leave, newMember, withModel, withSettings } from './room-events.ts';
import { type Effect, type Member, newRoom, REPLAN, type Room, STATE, type Step } from './room-state.ts';

/** The least that a number of a room made anew is counted from. */
const COUNTED_FROM_MS = Date.UTC(2026, 0, 1);
/** Beyond it, in 2032, such numbers go on from those that the seed knows. */
const LARGEST_START = 2 ** 31;

/**
 * A room as one of its tabs knows it, made anew after this server has forgotten it. Everybody in it is away and has a place; only the
 * right tab key takes one, and only a host key whose hash is known gives rights, so whoever is first gains nothing by it.
 *
 * @param seed that this server has sealed
 * @param dateMs now, ms since 1970
 * @throws AppError bad-message when the seed contradicts itself
 */
export function roomOfSeed(code: string, seed: RoomSeed, dateMs: number): Room {
  check(seed);
  const { hostKeyHashes, joinKey, passphraseHash, barred, settings, model, plan } = seed;
  const members = membersOf(seed);
  return {
    ...newRoom(code, { hostKeyHashes, joinKey, passphraseHash }, settings),
    settings,
    barred,
    model,
    plan,
    members,
    awaited: new Set(members.map(({ peerId }) => peerId)),
    moving: plan && movingOf(members),
    nextPeerId: Math.max(seed.nextPeerId, members.at(-1)!.peerId + 1, neverGiven(dateMs)),
    nextEpoch: Math.max(seed.nextEpoch, (plan?.epoch ?? 0) + 1, neverGiven(dateMs)),
  };
}

/**
 * The room with what a later seed says of it: the tab that it was made of may have heard of less before the server went.
 *
 * @param first the seed that the room was made of; what has changed since then stays
 * @param hasNoPlanOfItsOwn it has prepared none since it was made anew
 * @throws AppError bad-message when the seed contradicts itself
 */
export function withLaterSeed(room: Room, first: RoomSeed, later: RoomSeed, hasNoPlanOfItsOwn: boolean): Step {
  check(later);
  let step = withWordOfHosts(room, first, later);
  for (const { peerId } of goneBy(step.room, later)) {
    const left = leave(step.room, peerId);
    step = { room: left.room, effects: [...step.effects, ...left.effects] };
  }
  const known = withMissedMembers(step.room, later);
  // A plan goes with the settings that it was made for.
  const canTakePlan = hasNoPlanOfItsOwn && isDeepStrictEqual(known.settings, later.settings);
  const next = canTakePlan ? withPlanOf(known, later) : known;
  const nextPeerId = Math.max(next.nextPeerId, later.nextPeerId);
  const nextEpoch = Math.max(next.nextEpoch, later.nextEpoch);
  return { room: { ...next, nextPeerId, nextEpoch }, effects: [...step.effects, STATE, REPLAN] };
}

/**
 * Nobody knows how many ids and plans the tab that came first has missed, or which ones a server between that one and this has given. In the
 * long run there are less than ten a second, so that the date in tenths of a second has never been reached.
 */
function neverGiven(dateMs: number): number {
  return Math.min(LARGEST_START, Math.max(1, Math.floor((dateMs - COUNTED_FROM_MS) / 100)));
}

function withWordOfHosts(room: Room, first: RoomSeed, later: RoomSeed): Step {
  const isOfBefore = (name: 'joinKey' | 'passphraseHash' | 'settings' | 'model') => isDeepStrictEqual(room[name], first[name]);
  const effects: Effect[] = [];
  let next: Room = {
    ...room,
    joinKey: isOfBefore('joinKey') ? later.joinKey : room.joinKey,
    passphraseHash: isOfBefore('passphraseHash') ? later.passphraseHash : room.passphraseHash,
    hostKeyHashes: merged(room.hostKeyHashes, first.hostKeyHashes, later.hostKeyHashes).slice(0, MAX_HOST_KEYS),
    // Who was removed by anybody stays removed.
    barred: [...new Set([...later.barred, ...room.barred])].slice(-MAX_BARRED),
  };
  const apply = (step: Step) => {
    next = step.room;
    effects.push(...step.effects);
  };
  if (isOfBefore('settings')) apply(withSettings(next, later.settings));
  const isSameModel = next.settings.modelUrl === later.settings.modelUrl;
  if (isOfBefore('model') && isSameModel && later.model) apply(withModel(next, later.model));
  return { room: next, effects };
}

/** What both have added to the first list, without what either has taken from it; the first entry is the same in all three. */
function merged(mine: readonly string[], first: readonly string[], later: readonly string[]): string[] {
  const kept = mine.filter((one) => !first.includes(one) || later.includes(one));
  return [...kept, ...later.filter((one) => !first.includes(one) && !kept.includes(one))];
}

/** Whom a host had removed, and those who have not come back and had already left. */
function goneBy(room: Room, later: RoomSeed): Member[] {
  const there = new Set(later.peers.map(({ tabKeyHash }) => tabKeyHash));
  return room.members.filter(
    ({ peerId, tabKeyHash }) => room.barred.includes(tabKeyHash) || (room.awaited.has(peerId) && !there.has(tabKeyHash)),
  );
}

/** Those that the room has not known have a place as well, where their number is still theirs. */
function withMissedMembers(room: Room, later: RoomSeed): Room {
  const isUnknown = (peer: Member) =>
    room.members.every(({ peerId, tabKeyHash }) => peerId !== peer.peerId && tabKeyHash !== peer.tabKeyHash);
  const missed = membersOf(later)
    .filter((peer) => isUnknown(peer) && !room.barred.includes(peer.tabKeyHash))
    .slice(0, MAX_PEERS_PER_ROOM - room.members.length);
  const members = [...room.members, ...missed].toSorted((a, b) => a.peerId - b.peerId);
  const awaited = new Set([...room.awaited, ...missed.map(({ peerId }) => peerId)]);
  return { ...room, members, awaited, moving: room.moving && new Set([...room.moving, ...movingOf(missed)]) };
}

/** The plan that served last, or none where none did any more, or where one of its stages is not itself any more. */
function withPlanOf(room: Room, { plan, peers }: RoomSeed): Room {
  const isThere = (stageId: number) => {
    const tab = peers.find(({ peerId }) => peerId === stageId);
    return room.members.some(({ peerId, tabKeyHash }) => peerId === stageId && tabKeyHash === tab?.tabKeyHash);
  };
  const served = plan?.modelUrl === room.settings.modelUrl && plan.stages.every(({ peerId }) => isThere(peerId)) ? plan : null;
  return served?.epoch === room.plan?.epoch
    ? room
    : { ...room, plan: served, broken: null, moving: served && movingOf(room.members) };
}

/** Chats, which may still use a plan before the one that serves. */
function movingOf(members: readonly Member[]): ReadonlySet<PeerId> {
  return new Set(members.filter(({ chats }) => chats).map(({ peerId }) => peerId));
}

function membersOf({ peers }: RoomSeed): Member[] {
  return peers.toSorted((a, b) => a.peerId - b.peerId).map((peer) => newMember({ ...peer, connected: false, hostKeyHash: null }));
}

function check({ peers, plan, settings, model }: RoomSeed): void {
  const ids = new Set(peers.map(({ peerId }) => peerId));
  if (ids.size !== peers.length) throw refused('two devices of one number');
  if (model && model.layerBytes.length !== model.nLayers)
    throw refused(`${model.nLayers} layers, but sizes of ${model.layerBytes.length}`);
  if (!plan) return;
  if (plan.modelUrl !== settings.modelUrl) throw refused(`a plan for ${plan.modelUrl} in a room of ${settings.modelUrl}`);
  if (plan.stages.some(({ peerId }) => !ids.has(peerId))) throw refused('a plan with a stage of nobody');
}

function refused(what: string): AppError {
  return new AppError('bad-message', `room:resume: ${what}`);
}
