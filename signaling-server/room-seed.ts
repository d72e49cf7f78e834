import { AppError } from '../src/shared/errors.ts';
import type { RoomSeed } from '../src/shared/protocol/signaling.ts';
import { newRoom, type Room } from './room-state.ts';
import { newMember } from './rooms.ts';

/**
 * A room as one of its tabs knows it, made anew after this server has forgotten it. Everybody in it is away and has a place; only the
 * right tab key takes one, and only a host key whose hash is known gives rights, so whoever is first gains nothing by it.
 *
 * @throws AppError bad-message when the seed contradicts itself
 */
export function roomOfSeed(code: string, joinKey: string, seed: RoomSeed): Room {
  check(seed);
  const { hostKeyHashes, passphraseHash, settings, model, plan } = seed;
  const members = seed.peers
    .toSorted((a, b) => a.peerId - b.peerId)
    .map((peer) => newMember({ ...peer, connected: false, hasHostKey: false }));
  return {
    ...newRoom(code, { hostKeyHashes, joinKey, passphraseHash }, settings),
    model,
    plan,
    members,
    nextPeerId: Math.max(seed.nextPeerId, members.at(-1)!.peerId + 1),
    nextEpoch: Math.max(seed.nextEpoch, (plan?.epoch ?? 0) + 1),
  };
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
