import { AppError } from '../src/shared/errors.ts';
import type { RoomSeed } from '../src/shared/protocol/signaling.ts';
import { newMember } from './room-events.ts';
import { type Member, newRoom, type Room, STATE, type Step } from './room-state.ts';

/** Nobody knows how many plans the tab that came first has missed: an epoch is never given to two of them. */
const MISSED_EPOCHS = 1000;

/** What only hosts change. */
const BY_HOSTS = ['hostKeyHashes', 'joinKey', 'passphraseHash', 'barred', 'settings', 'model'] as const;

/**
 * A room as one of its tabs knows it, made anew after this server has forgotten it. Everybody in it is away and has a place; only the
 * right tab key takes one, and only a host key whose hash is known gives rights, so whoever is first gains nothing by it.
 *
 * @param seed that this server has sealed
 * @throws AppError bad-message when the seed contradicts itself
 */
export function roomOfSeed(code: string, seed: RoomSeed): Room {
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
    // They may still use the plan before this one.
    moving: plan && new Set(members.filter(({ chats }) => chats).map(({ peerId }) => peerId)),
    nextPeerId: Math.max(seed.nextPeerId, members.at(-1)!.peerId + 1),
    nextEpoch: Math.max(seed.nextEpoch, (plan?.epoch ?? 0) + 1) + MISSED_EPOCHS,
  };
}

/**
 * The room with what a later seed says of it: the tab that it was made of may have heard of less before the server went.
 *
 * @param first the seed that the room was made of; what has changed since then stays
 * @throws AppError bad-message when the seed contradicts itself
 */
export function withLaterSeed(room: Room, first: RoomSeed, later: RoomSeed): Step {
  check(later);
  const unchanged = BY_HOSTS.filter((name) => room[name] === first[name]);
  const byHosts = Object.fromEntries(unchanged.map((name) => [name, later[name]]));
  const known: Room = { ...room, ...byHosts };
  const missed = membersOf(later).filter(({ peerId }) => !room.members.some((member) => member.peerId === peerId));
  const members = [...room.members, ...missed]
    .filter(({ tabKeyHash }) => !known.barred.includes(tabKeyHash))
    .toSorted((a, b) => a.peerId - b.peerId);
  const awaited = new Set([...room.awaited, ...missed.map(({ peerId }) => peerId)]);
  const plans = [room.plan, later.plan].filter(
    (plan) =>
      plan?.modelUrl === known.settings.modelUrl && plan.stages.every((stage) => members.some((m) => m.peerId === stage.peerId)),
  );
  const plan = plans.toSorted((one, other) => other!.epoch - one!.epoch)[0] ?? null;
  return {
    room: { ...known, members, awaited, plan, nextPeerId: Math.max(room.nextPeerId, later.nextPeerId) },
    effects: [STATE],
  };
}

function membersOf({ peers }: RoomSeed): Member[] {
  return peers.toSorted((a, b) => a.peerId - b.peerId).map((peer) => newMember({ ...peer, connected: false, hasHostKey: false }));
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
