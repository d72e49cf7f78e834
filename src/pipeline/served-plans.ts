import { AppError } from '../shared/errors.ts';
import { hasLayer, layersOf } from '../shared/model/layer-range.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan, Stage } from '../shared/model/plan.ts';

/**
 * Which plans a device serves, as a value. A plan is first prepared (its layers load while the active one goes on), then
 * active, then draining until every source has moved its sequences away, then forgotten.
 */
export interface PlanState {
  preparing: Plan | null;
  /** True once everything that `preparing` gives this device is loaded. */
  ready: boolean;
  active: Plan | null;
  draining: readonly Plan[];
}

export const NO_PLANS: PlanState = { preparing: null, ready: false, active: null, draining: [] };

/** What a device has to hold for the plans that it serves. */
export interface Holdings {
  layers: ReadonlySet<number>;
  head: boolean;
}

/** A newer plan replaces one that is still in preparation. An older one than those known changes nothing. */
export function prepare(state: PlanState, plan: Plan): PlanState {
  if (plan.epoch <= newestEpoch(state)) return state;
  return { ...state, preparing: plan, ready: false };
}

export function markReady(state: PlanState, epoch: number): PlanState {
  return state.preparing?.epoch === epoch ? { ...state, ready: true } : state;
}

export function activate(state: PlanState, epoch: number): PlanState {
  if (state.preparing?.epoch !== epoch) return state;
  const draining = state.active ? [...state.draining, state.active] : state.draining;
  return { preparing: null, ready: false, active: state.preparing, draining };
}

/** No frames of the active plan are run any more. */
export function endActive(state: PlanState): PlanState {
  return { ...state, active: null };
}

/** Forgets all plans up to `epoch`; the active plan stays even then: only another one replaces it. */
export function retire(state: PlanState, epoch: number): PlanState {
  return { ...state, draining: state.draining.filter((plan) => plan.epoch > epoch) };
}

export function holdings(state: PlanState, peerId: PeerId): Holdings {
  const layers = new Set<number>();
  let head = false;
  for (const plan of servedPlans(state)) {
    const stage = stageOf(plan, peerId);
    if (!stage) continue;
    for (const layer of layersOf(stage.layers)) layers.add(layer);
    head ||= stage.head;
  }
  return { layers, head };
}

/**
 * The plan a frame of `epoch` runs under. A plan counts from the moment this device is ready for it: a source may hear of
 * its activation before this device does.
 * @throws AppError epoch-unknown when it is neither ready, active nor draining.
 */
export function planOfEpoch(state: PlanState, epoch: number): Plan {
  const known = servedPlans(state).find((plan) => plan.epoch === epoch);
  if (known && (known !== state.preparing || state.ready)) return known;
  const served = servedPlans(state).map((plan) => plan.epoch);
  throw new AppError('epoch-unknown', `a frame of plan ${epoch}; this device serves ${served.join(', ') || 'none'}`);
}

export function stageOf(plan: Plan, peerId: PeerId): Stage | null {
  return plan.stages.find((stage) => stage.peerId === peerId) ?? null;
}

/** The peer that runs `layer`. */
export function holderOf(plan: Plan, layer: number): PeerId | null {
  return plan.stages.find((stage) => hasLayer(stage.layers, layer))?.peerId ?? null;
}

/**
 * One past the last layer that changes hands between two plans: everything before it has to be run again to rebuild what
 * its new holder lacks, everything from it on stays as it is. 0 when nothing moves.
 */
export function movedUntil(from: Plan, to: Plan): number {
  const nLayers = to.stages.at(-1)!.layers.endLayer;
  for (let layer = nLayers; layer > 0; layer--) {
    if (holderOf(from, layer - 1) !== holderOf(to, layer - 1)) return layer;
  }
  return 0;
}

function servedPlans(state: PlanState): Plan[] {
  return [state.preparing, state.active, ...state.draining].filter((plan) => plan !== null);
}

function newestEpoch(state: PlanState): number {
  return Math.max(0, ...servedPlans(state).map((plan) => plan.epoch));
}
