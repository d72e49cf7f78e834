import type { DeviceProfile } from '../src/shared/model/device-profile.ts';
import { layersOf } from '../src/shared/model/layer-range.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Objective } from '../src/shared/model/plan.ts';
import { effectiveContext, effectiveObjective } from '../src/shared/model/room-settings.ts';
import type { ShardParts } from '../src/shared/model/shard-parts.ts';
import type { PlanningDevice, PlanningProblem } from '../src/shared/planner/problem.ts';
import { isPlannable, linkBetween, type Member, measuredLinks, type Room, servesPlan } from './room-state.ts';

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
      isPlannable(member) && member.profile ? [planningDevice(room, member, member.profile.mean)] : [],
    ),
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

export function planningDevice(room: Room, { peerId, chats, stored }: Member, profile: DeviceProfile): PlanningDevice {
  const held = heldBy(room, peerId);
  return { peerId, profile, isSource: chats, ...(held ? { held } : {}), ...(stored ? { stored } : {}) };
}

/** What a device keeps while another plan loads: its parts of the plan that serves, and of those before it that chats still use. */
export function heldBy(room: Room, peerId: PeerId): ShardParts | null {
  const plans = [room.plan, ...room.draining].filter((plan) => plan !== null && servesPlan(room, plan));
  const stages = plans.flatMap((plan) => plan?.stages.filter((stage) => stage.peerId === peerId) ?? []);
  if (stages.length === 0) return null;
  const layers = new Set(stages.flatMap((stage) => layersOf(stage.layers)));
  return { layers: [...layers], head: stages.some(({ head }) => head) };
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
