import type { DeviceProfile } from '../src/shared/model/device-profile.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Objective } from '../src/shared/model/plan.ts';
import { effectiveContext, effectiveObjective } from '../src/shared/model/room-settings.ts';
import type { PlanningDevice, PlanningProblem } from '../src/shared/planner/problem.ts';
import { isPlannable, linkBetween, type Member, measuredLinks, type Room } from './room-state.ts';

/** Whoever asks for throughput expects company: plans are made for at least so many answers at a time. */
const EXPECTED_SEQUENCES = 8;
/** A question and what was said before it, tokens. */
const USUAL_PROMPT_TOKENS = 256;

/** The room as the planner sees it; null until the model is known. */
export function planningProblem(room: Room): PlanningProblem | null {
  if (!room.model) return null;
  const sources = room.members.filter((member) => member.chats).map((member) => member.peerId);
  return {
    spec: room.model,
    contextLength: effectiveContext(room.settings, room.model.contextLength),
    wireDtype: room.settings.wireDtype,
    objective: objectiveOf(room),
    devices: room.members.flatMap((member) =>
      isPlannable(member) && member.profile ? [planningDevice(member, member.profile.mean)] : [],
    ),
    names: new Map(room.members.map(({ peerId, name }) => [peerId, name])),
    links: measuredLinks(room),
    sources,
    sequences: sources.length,
    concurrentSequences: room.settings.objective === 'throughput' ? Math.max(sources.length, EXPECTED_SEQUENCES) : sources.length,
    promptTokens: USUAL_PROMPT_TOKENS,
    sourceLayers: room.settings.sourceLayers,
    head: room.settings.headOnSource ? 'source' : 'last-stage',
    surviving: (room.broken?.stages ?? []).filter(({ peerId }) =>
      room.members.some((m) => m.peerId === peerId && isPlannable(m)),
    ),
  };
}

export function planningDevice({ peerId, chats, progress }: Member, profile: DeviceProfile): PlanningDevice {
  return { peerId, profile, isSource: chats, cachedBytes: progress?.loadedBytes ?? 0 };
}

/** What the room plans for as it is now. */
export function objectiveOf(room: Room): Objective {
  return effectiveObjective(room.settings, room.members.filter((member) => member.chats).length);
}

/** True when a plan made now would miss nothing: every donor is measured, and every link that a plan could use. */
export function isMeasured(room: Room): boolean {
  const donors = room.members.filter((member) => member.connected && member.donates && member.problem === null);
  if (donors.some((donor) => donor.profile === null)) return false;
  return donors.every((donor) => room.members.every((other) => !needsLink(other) || isKnown(room, donor.peerId, other.peerId)));
}

function needsLink(member: Room['members'][number]): boolean {
  return member.connected && (member.chats || (member.donates && member.problem === null));
}

function isKnown(room: Room, a: PeerId, b: PeerId): boolean {
  return a === b || linkBetween(room, a, b) !== undefined;
}
