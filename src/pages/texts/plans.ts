import type { PeerId } from '../../shared/model/link-profile.ts';
import type { LeftOut } from '../../shared/model/plan.ts';
import type { Expectation, Loss, PlanWhy, Slowness } from '../../shared/model/plan-reasons.ts';
import { formatBytes, formatMs, formatNumber, formatRate } from '../ui/format.ts';
import { capitalised } from './capitalised.ts';

/** What a sentence calls a device: `this device`, or its name in quotation marks. */
export type NameOf = (peerId: PeerId) => string;

/** Why a plan was chosen: how many devices, how fast, where the time goes, and against what. */
export function planWords(why: PlanWhy, nameOf: NameOf): string {
  const expected = expectedWords(why.expected);
  if (why.code === 'mended')
    return `Keeps loaded layers where they are after a device was lost: ${expected}; a better plan follows.`;
  return `${choiceWords(why, expected, nameOf)}${doubtWords(why)}`;
}

type Choice = Exclude<PlanWhy, { code: 'mended' }>;

function choiceWords(why: Choice, expected: string, nameOf: NameOf): string {
  if (why.code === 'alone') {
    const whole = `${capitalised(nameOf(why.peerId))} alone runs all ${why.layers} layers: ${expected}`;
    return why.isFastest ? `${whole}; every chain of devices is slower.` : `${whole}.`;
  }
  const { devices, computeMs, linksMs, overheadMs, aloneMs } = why;
  const share = `compute ${formatMs(computeMs)}, links ${formatMs(linksMs)}, overhead ${formatMs(overheadMs)}`;
  const chain = `${devices} devices in a chain: ${expected} (${share})`;
  if (aloneMs === null) return `${chain}; no device has room for the whole model.`;
  return `${chain}; the best device alone would take ${formatMs(aloneMs)}.`;
}

function doubtWords({ possibleGain, tooLittleBetter }: Choice): string {
  const gain = possibleGain === null ? '' : ` No plan can be more than ${(100 * possibleGain).toFixed(1)} % better.`;
  if (tooLittleBetter === null) return gain;
  return `${gain} Another plan, with ${expectedWords(tooLittleBetter)}, would gain too little for a move.`;
}

function expectedWords(expected: Expectation): string {
  const token = `${formatMs(expected.msPerToken)} a token`;
  if (expected.objective === 'latency') return token;
  if (expected.objective === 'first-token') return `${formatMs(expected.firstTokenMs)} to the first token, ${token} after it`;
  return `${formatRate(expected.tokensPerSecond)} for ${expected.sequences} answers at a time, ${token} for one alone`;
}

/** Why a device that lends memory is not in the plan, after a colon. */
export function leftOutWords({ peerId, reason }: LeftOut, nameOf: NameOf): string {
  switch (reason.code) {
    case 'unusable':
      return 'what it measured of itself cannot be computed with.';
    case 'too-small':
      return `it lends ${formatBytes(reason.lendsBytes)} for layers, one layer needs ${formatBytes(reason.layerBytes)}.`;
    case 'unlinked':
      return 'no chain of linked devices with room for the model passes it.';
    case 'no-faster':
      return `the plan would be no faster with it: ${slownessWords(reason.slowness, nameOf)}.`;
    case 'costs': {
      const loss = `${reason.isGuess ? 'about ' : ''}${lossWords(reason.loss)}`;
      return `adding ${nameOf(peerId)} would cost ${loss}: ${slownessWords(reason.slowness, nameOf)}.`;
    }
    case 'too-little-gain': {
      const what = reason.until === 'first-token' ? 'until the first token' : 'a token';
      return `the best plan with it would save ${formatMs(reason.savedMs)} ${what}, too little for a move.`;
    }
  }
}

function lossWords(loss: Loss): string {
  if (loss.objective === 'throughput') return `${formatNumber(loss.lostPerSecond)} of ${formatRate(loss.tokensPerSecond)}`;
  return `${formatMs(loss.moreMs)} more ${loss.objective === 'latency' ? 'per token' : 'until the first token'}`;
}

function slownessWords(slowness: Slowness, nameOf: NameOf): string {
  switch (slowness.code) {
    case 'overhead':
      return `each forward costs it ${formatMs(slowness.overheadMs)} before any layer`;
    case 'layers':
      return `it takes ${formatMs(slowness.layerMs)} a layer, and links to it ${formatMs(slowness.linksMs)}`;
    case 'links':
      return `its links take ${formatMs(slowness.linksMs)}`;
    case 'far-link':
      return `its link to ${nameOf(slowness.to)} takes ${formatMs(slowness.rttMs)} there and back`;
    case 'slow-link':
      return `its link to ${nameOf(slowness.to)} is ${formatNumber(slowness.linkMbps)} Mbit/s`;
  }
}
