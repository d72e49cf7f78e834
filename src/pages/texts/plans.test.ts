import { expect, test } from 'vitest';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { Expectation, LeftOutReason, Loss, Slowness } from '../../shared/model/plan-reasons.ts';
import { leftOutWords, planWords } from './plans.ts';

const nameOf = (peerId: PeerId) => (peerId === 1 ? 'this device' : `“Device ${peerId}”`);

const latency: Expectation = { objective: 'latency', msPerToken: 20 };
const firstToken: Expectation = { objective: 'first-token', firstTokenMs: 400, msPerToken: 20 };
const throughput: Expectation = { objective: 'throughput', tokensPerSecond: 100, sequences: 8, msPerToken: 20 };
const sure = { possibleGain: null, tooLittleBetter: null };
const chain = { code: 'chain', devices: 2, expected: latency, computeMs: 10, linksMs: 6, overheadMs: 4 } as const;

test.each([
  [latency, '20 ms a token'],
  [firstToken, '400 ms to the first token, 20 ms a token after it'],
  [throughput, '100 tokens/s for 8 answers at a time, 20 ms a token for one alone'],
])('a plan is told by what it takes for its objective: %o', (expected, words) => {
  const alone = { code: 'alone', peerId: 2, layers: 4, isFastest: true, expected, ...sure } as const;
  expect(planWords(alone, nameOf)).toBe(`“Device 2” alone runs all 4 layers: ${words}; every chain of devices is slower.`);
  expect(planWords({ code: 'mended', expected }, nameOf)).toBe(
    `Keeps loaded layers where they are after a device was lost: ${words}; a better plan follows.`,
  );
});

test('a chain is told with where its time goes, and against the best device alone', () => {
  const whole = '2 devices in a chain: 20 ms a token (compute 10 ms, links 6 ms, overhead 4 ms); ';
  expect(planWords({ ...chain, aloneMs: 30, ...sure }, nameOf)).toBe(`${whole}the best device alone would take 30 ms.`);
  expect(planWords({ ...chain, aloneMs: null, ...sure }, nameOf)).toBe(`${whole}no device has room for the whole model.`);
});

test('a plan that could be better says by how much, one that stays what another would take', () => {
  const alone = { code: 'alone', peerId: 1, layers: 4, isFastest: false, expected: latency } as const;
  const start = 'This device alone runs all 4 layers: 20 ms a token.';
  expect(planWords({ ...alone, possibleGain: 0.031, tooLittleBetter: null }, nameOf)).toBe(
    `${start} No plan can be more than 3.1 % better.`,
  );
  expect(planWords({ ...alone, possibleGain: null, tooLittleBetter: { ...latency, msPerToken: 19 } }, nameOf)).toBe(
    `${start} Another plan, with 19 ms a token, would gain too little for a move.`,
  );
});

const reasons: [LeftOutReason, string][] = [
  [{ code: 'unusable' }, 'what it measured of itself cannot be computed with.'],
  [{ code: 'too-small', lendsBytes: 90, layerBytes: 104 }, 'it lends 90 bytes for layers, one layer needs 104 bytes.'],
  [{ code: 'unlinked' }, 'no chain of linked devices with room for the model passes it.'],
  [
    { code: 'too-little-gain', until: 'next-token', savedMs: 2 },
    'the best plan with it would save 2 ms a token, too little for a move.',
  ],
  [
    { code: 'too-little-gain', until: 'first-token', savedMs: 2 },
    'the best plan with it would save 2 ms until the first token, too little for a move.',
  ],
];
test.each(reasons)('%o says why a device is left out', (reason, words) => {
  expect(leftOutWords({ peerId: 2, reason }, nameOf)).toBe(words);
});

const slowness: [Slowness, string][] = [
  [{ code: 'overhead', overheadMs: 70 }, 'each forward costs it 70 ms before any layer'],
  [{ code: 'layers', layerMs: 50, linksMs: 2 }, 'it takes 50 ms a layer, and links to it 2 ms'],
  [{ code: 'links', linksMs: 9 }, 'its links take 9 ms'],
  [{ code: 'far-link', to: 1, rttMs: 80 }, 'its link to this device takes 80 ms there and back'],
  [{ code: 'slow-link', to: 3, linkMbps: 0.5 }, 'its link to “Device 3” is 0.5 Mbit/s'],
];
test.each(slowness)('what is slow about a device is said: %o', (slow, words) => {
  const loss = { objective: 'latency', moreMs: 5 } as const;
  expect(leftOutWords({ peerId: 2, reason: { code: 'costs', loss, isGuess: false, slowness: slow } }, nameOf)).toBe(
    `adding “Device 2” would cost 5 ms more per token: ${words}.`,
  );
  expect(leftOutWords({ peerId: 2, reason: { code: 'no-faster', slowness: slow } }, nameOf)).toBe(
    `the plan would be no faster with it: ${words}.`,
  );
});

const losses: [Loss, string][] = [
  [{ objective: 'first-token', moreMs: 40 }, '40 ms more until the first token'],
  [{ objective: 'throughput', tokensPerSecond: 25.5, lostPerSecond: 1.25 }, '1.25 of 25.5 tokens/s'],
];
test.each(losses)('a loss is said in what the objective counts, and that it is a guess: %o', (loss, words) => {
  const reason = { code: 'costs', loss, isGuess: true, slowness: { code: 'links', linksMs: 9 } } as const;
  expect(leftOutWords({ peerId: 1, reason }, nameOf)).toBe(`adding this device would cost about ${words}: its links take 9 ms.`);
});
