import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan, Stage } from '../shared/model/plan.ts';
import type { ForwardFrame } from '../shared/protocol/frame.ts';
import { stageOf } from './served-plans.ts';

/**
 * Who may send what. The mesh knows who sent a message; what the message itself says of its sender counts for nothing. Anything
 * else than the following is dropped, so that a device of the room that has no part in an answer cannot touch it.
 */

/** Rows come from the stage before, and at the first stage from the very source whose rows they are. */
export function maySendRows(plan: Plan, selfId: PeerId, from: PeerId, frame: ForwardFrame): boolean {
  const index = plan.stages.findIndex((stage) => stage.peerId === selfId);
  if (index < 0) return false;
  return index === 0 ? isOwn(from, frame) : plan.stages[index - 1]!.peerId === from;
}

/** Under a plan that nobody here knows, a device is told so only about its own rows. */
export function isOwn(from: PeerId, { runs }: ForwardFrame): boolean {
  return runs.every((run) => run.source === from);
}

/** The stage that ends a pass and sends its reply: the last one, or the one that has the last layer to be run. */
export function endOfPass(plan: Plan, untilLayer: number): Stage {
  return plan.stages.find((stage) => untilLayer <= stage.layers.endLayer) ?? plan.stages.at(-1)!;
}

/** A pass can fail at any stage of its plan, and nowhere else. */
export function mayReportError(plan: Plan, from: PeerId): boolean {
  return stageOf(plan, from) !== null;
}
