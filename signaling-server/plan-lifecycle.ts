import type { ErrorCode, ErrorReport } from '../src/shared/errors.ts';
import type { PeerId } from '../src/shared/model/link-profile.ts';
import type { Plan } from '../src/shared/model/plan.ts';
import { effectiveContext } from '../src/shared/model/room-settings.ts';
import type { ShardParts } from '../src/shared/model/shard-parts.ts';
import type { PlanLayout, PlanningProblem, PlanResult } from '../src/shared/planner/problem.ts';
import { refreshed } from '../src/shared/planner/refresh.ts';
import { predictStages, servedSources, shouldAdopt } from '../src/shared/planner/replan.ts';
import { heldBy, objectiveOf, planningDevice } from './room-planning.ts';
import { type Effect, isPlannable, memberOf, REPLAN, type Room, STATE, type Step, servesPlan, toAll } from './room-state.ts';

/**
 * A plan's life: prepare (stages load while the one before it serves) -> ready -> activate (chats move at a token
 * boundary) -> moved -> retire (stages free what only earlier epochs used).
 */

/** The planner's answer to `asked`. An answer that the room has outrun is dropped, and another one asked for. */
export function planned(room: Room, asked: PlanningProblem, result: PlanResult): Step {
  if (!isStillAsked(room, asked)) return { room, effects: [REPLAN] };
  if (!result.ok) return withoutPlanFor(room, result.error);
  if (!result.layout.stages.every((stage) => isDonor(room, stage.peerId))) return { room, effects: [REPLAN] };
  const current = room.preparing ?? room.plan;
  const known = withServing(room, asked);
  const fitsBeside = predictStages(result.layout.stages, known, servedSources(result.layout.stages, known)) !== null;
  // What does not fit beside the plan that serves takes its place only where that one serves fewer chats, or none.
  const isNew = fitsBeside ? shouldAdopt(current, result.layout, known) : !servesAs(current, result.layout, known);
  if (isNew && !(fitsBeside && works(room.plan, known))) return prepare(withoutServing(room), result.layout);
  const serving = isNew || room.preparing ? predictedAnew(room.plan, asked) : room.plan;
  if (!current || isNew) return prepare({ ...room, plan: serving }, result.layout);
  const kept = { ...current, ...refreshed(current, result.layout, asked) };
  const plans = room.preparing ? { plan: serving, preparing: kept } : { plan: kept };
  return { room: { ...room, ...plans, problem: null }, effects: [STATE] };
}

/** A plan that only serves until the next one is loaded says what it takes in the room as it is now. */
function predictedAnew(plan: Plan | null, asked: PlanningProblem): Plan | null {
  const predicted = plan && predictStages(plan.stages, asked, servedSources(plan.stages, asked));
  return predicted ? { ...plan, predicted } : plan;
}

function isStillAsked(room: Room, asked: PlanningProblem): boolean {
  const { settings, model } = room;
  return (
    model === asked.spec &&
    asked.contextLength === effectiveContext(settings, model.contextLength) &&
    asked.wireDtype === settings.wireDtype &&
    asked.objective === objectiveOf(room) &&
    // Another plan serves than when it was asked: what devices hold beside the next one is something else.
    asked.devices.every(({ peerId, held }) => isSameParts(held ?? null, heldBy(room, peerId)))
  );
}

function isSameParts(one: ShardParts | null, other: ShardParts | null): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function works(plan: PlanLayout | null, asked: PlanningProblem): boolean {
  return plan !== null && predictStages(plan.stages, asked, servedSources(plan.stages, asked)) !== null;
}

/** Whether the plan that there is serves as many chats as another one would. */
function servesAs(current: PlanLayout | null, other: PlanLayout, asked: PlanningProblem): boolean {
  if (!works(current, asked)) return false;
  const free = { ...asked, devices: asked.devices.map(({ held: _, ...device }) => device) };
  return servedSources(current!.stages, asked).length >= servedSources(other.stages, free).length;
}

/** Tabs let go of what only that plan needs before they load the next one. */
function withoutServing(room: Room): Room {
  return room.plan ? { ...room, plan: null, broken: room.plan } : room;
}

/**
 * The room with the devices that serve its plan though no new one may use them: what works is compared by what it takes, not given
 * up because a download of the next plan failed.
 */
function withServing(room: Room, asked: PlanningProblem): PlanningProblem {
  const known = new Set(asked.devices.map(({ peerId }) => peerId));
  const serving = (room.plan?.stages ?? []).flatMap(({ peerId }) => {
    const member = memberOf(room, peerId);
    return member?.donates && member.profile && !known.has(peerId) ? [planningDevice(room, member, member.profile.mean)] : [];
  });
  return serving.length === 0 ? asked : { ...asked, devices: [...asked.devices, ...serving] };
}

/** A room that can't be planned anew keeps what still works: a newcomer's problem must not stop a running answer. */
function withoutPlanFor(room: Room, problem: ErrorReport): Step {
  const plan = room.plan && servesPlan(room, room.plan) ? room.plan : null;
  const preparing = room.preparing?.stages.every((stage) => isDonor(room, stage.peerId)) ? room.preparing : null;
  return { room: { ...room, problem, plan, preparing }, effects: [STATE] };
}

function isDonor(room: Room, peerId: PeerId): boolean {
  const member = memberOf(room, peerId);
  return member !== undefined && isPlannable(member);
}

function prepare(room: Room, layout: PlanLayout): Step {
  const plan: Plan = { ...layout, epoch: room.nextEpoch, modelUrl: room.settings.modelUrl };
  return {
    room: { ...room, preparing: plan, ready: new Set(), nextEpoch: room.nextEpoch + 1, problem: null },
    effects: [toAll({ event: 'plan:prepare', message: { plan } }), STATE],
  };
}

/** A stage has loaded its part. Late word about a plan that was replaced means nothing. */
export function stageReady(room: Room, peerId: PeerId, epoch: number): Step {
  const { preparing } = room;
  if (preparing?.epoch !== epoch || !hasStage(preparing, peerId)) return { room, effects: [] };
  const ready = new Set(room.ready).add(peerId);
  if (!preparing.stages.every((stage) => ready.has(stage.peerId))) return { room: { ...room, ready }, effects: [] };
  return activate({ ...room, ready }, preparing);
}

function activate(room: Room, plan: Plan): Step {
  const moving = new Set(room.members.filter((member) => member.chats).map((member) => member.peerId));
  const draining = room.plan ? [...room.draining, room.plan] : room.draining;
  const next = retireIfMoved({ ...room, plan, preparing: null, broken: null, ready: new Set(), moving, draining });
  // A plan that mends a broken one serves soon; now there is time for the best one.
  const better = room.broken ? [REPLAN] : [];
  return {
    room: next.room,
    effects: [toAll({ event: 'plan:activate', message: { epoch: plan.epoch } }), ...next.effects, STATE, ...better],
  };
}

/** A chat needs no earlier epoch any more, by its own word or because it is gone. */
export function chatMoved(room: Room, peerId: PeerId, epoch: number): Step {
  if (!room.moving || room.plan?.epoch !== epoch) return { room, effects: [] };
  const moving = new Set(room.moving);
  moving.delete(peerId);
  return retireIfMoved({ ...room, moving });
}

function retireIfMoved(room: Room): Step {
  if (!room.plan || !room.moving || room.moving.size > 0) return { room, effects: [] };
  const epoch = room.plan.epoch - 1;
  const effects = epoch > 0 ? [toAll({ event: 'plan:retire', message: { epoch } })] : [];
  return { room: { ...room, moving: null, draining: [] }, effects };
}

/** Failures of the moment: a download that broke off, a load that hangs. Others stay until the device or its owner changes something. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set([
  'model-unreachable',
  'model-truncated',
  'stage-failed',
  'stage-hung',
  'internal',
]);

/** A stage can't run its part: it is planned without until it measures itself again, or is given another chance. */
export function stageFailed(room: Room, peerId: PeerId, epoch: number, problem: ErrorReport): Step {
  const member = memberOf(room, peerId);
  const concerns = [room.plan, room.preparing].some((plan) => plan?.epoch === epoch && hasStage(plan, peerId));
  if (!member || !concerns) return { room, effects: [] };
  const failures = member.failures + 1;
  const members = room.members.map((one) => (one === member ? { ...one, problem, failures } : one));
  const rest = dropPlanWith(dropPreparingWith(room, peerId), (plan) => plan.epoch === epoch);
  const retry: Effect[] = MAY_PASS.has(problem.code) ? [{ kind: 'retry', peerId, problem, failures }] : [];
  return { room: { ...rest, members }, effects: [STATE, REPLAN, ...retry] };
}

/** A device that failed is planned with again, unless something else has become of it since. */
export function tryAgain(room: Room, peerId: PeerId, problem: ErrorReport): Step {
  if (memberOf(room, peerId)?.problem !== problem) return { room, effects: [] };
  const members = room.members.map((member) => (member.peerId === peerId ? { ...member, problem: null } : member));
  return { room: { ...room, members }, effects: [STATE, REPLAN] };
}

/** What the plans lose when a tab, already removed from the members, is gone. */
export function afterLeaving(room: Room, peerId: PeerId): Step {
  const rest = dropPlanWith(dropPreparingWith(room, peerId), (plan) => hasStage(plan, peerId));
  return rest.plan && room.moving?.has(peerId) ? chatMoved(rest, peerId, rest.plan.epoch) : { room: rest, effects: [] };
}

function dropPlanWith(room: Room, isLost: (plan: Plan) => boolean): Room {
  return room.plan && isLost(room.plan) ? { ...room, plan: null, broken: room.plan } : room;
}

function dropPreparingWith(room: Room, peerId: PeerId): Room {
  return room.preparing && hasStage(room.preparing, peerId) ? { ...room, preparing: null, ready: new Set() } : room;
}

function hasStage(plan: Plan, peerId: PeerId): boolean {
  return plan.stages.some((stage) => stage.peerId === peerId);
}
