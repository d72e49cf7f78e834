import { h, render } from 'preact';
import { afterEach, expect, test } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import type { SelfView } from '../../room/room-view.ts';
import { TEST_CODE, TestSession, testPeer, testPlan, testProfile, testRoom, testStage, testView } from '../ui/testing/room.ts';
import { DonatePage } from './donate-page.tsx';

const stage = testStage(1, 0, 4);
const plan = testPlan([stage, testStage(2, 4, 8, true)]);
const base = testView(null).self;
const viewOf = (self: Partial<SelfView>, room = testRoom([testPeer(1), testPeer(2)], { plan })) =>
  testView(room, { isHost: false, self: { ...base, ...self } });

afterEach(() => {
  render(null, document.body);
});

function open(view = viewOf({})): TestSession {
  const session = new TestSession(view);
  render(h(DonatePage, { code: TEST_CODE, session }), document.body);
  return session;
}

const stateOf = () => document.querySelector<HTMLElement>('[data-testid=donate-state]')?.dataset.state;

test('a serving device shows its layers, its measurement and what it has served', async () => {
  open(viewOf({ stage, profile: testProfile, tokensServed: 42 }));
  expect(stateOf()).toBe('serving');
  await expect.element(page.getByTestId('donate-layers')).toHaveTextContent('layers 0–3');
  await expect.element(page.getByTestId('donate-layers')).toHaveAttribute('data-layers', '0-3');
  await expect.element(page.getByTestId('tokens-served')).toHaveTextContent('42');
  await expect.element(page.getByText('1.25 ms per layer')).toBeVisible();
});

test('a tuned device says to what, another nothing of it', async () => {
  const session = open(viewOf({ stage, profile: { ...testProfile, variant: 'a thread for 4 rows' } }));
  await expect.element(page.getByText('Tuned to')).toBeVisible();
  await expect.element(page.getByText('a thread for 4 rows')).toBeVisible();
  session.show(viewOf({ stage, profile: testProfile }));
  await expect.element(page.getByText('Tuned to')).not.toBeInTheDocument();
});

test('the progress bar counts the bytes of its own shard', async () => {
  const session = open(viewOf({ load: { loadedBytes: 250_000, shardBytes: 1_000_000 } }));
  const bar = () => document.querySelector<HTMLProgressElement>('progress[data-testid=donate-progress]');
  expect(bar()?.position).toBe(0.25);
  session.show(viewOf({ load: { loadedBytes: 1_000_000, shardBytes: 1_000_000 } }));
  await expect.poll(() => bar()?.position).toBe(1);
});

test('a part that could not be kept is told in one line, and no longer when it is', async () => {
  const session = open(viewOf({ notKept: { neededBytes: 1_200_000_000, freeBytes: 3_000_000 } }));
  const line = page.getByTestId('not-kept');
  await expect
    .element(line)
    .toHaveTextContent('1.2 GB could not be kept for next time: this browser has only 3 MB left for this site.');
  session.show(viewOf({ notKept: null }));
  await expect.element(line).not.toBeInTheDocument();
});

test('it says when it runs on the CPU, and why', async () => {
  open(viewOf({ engineNote: { code: 'instead', engine: 'cpu', missing: 'webgpu', because: 'not-offered' } }));
  await expect
    .element(page.getByTestId('engine-note'))
    .toHaveTextContent('Using the CPU, as WebGPU does not work here: it is missing in this browser.');
});

test('it follows its device from joining to measuring to serving', async () => {
  const session = open(testView(null, { phase: 'connecting', selfId: null }));
  expect(stateOf()).toBe('joining');
  session.show(viewOf({ measuring: true }, testRoom([testPeer(1, { profile: null })])));
  await expect.poll(stateOf).toBe('measuring');
  session.show(viewOf({ stage }));
  await expect.poll(stateOf).toBe('serving');
});

test('a link that cannot be made comes with advice', async () => {
  open({ ...viewOf({}), links: [{ peerId: 2, state: 'failed', advice: { code: 'no-way-through', waitedMs: 10_000 } }] });
  await expect.element(page.getByTestId('link')).toHaveTextContent(/Device 2: no direct link ?No direct connection within 10 s/);
});

test("the device's own problem is told with what to do", async () => {
  const problem = { code: 'out-of-memory', message: 'the shard needs 2 GB, 1 GB is lent' } as const;
  open(viewOf({}, testRoom([testPeer(1, { problem })])));
  expect(stateOf()).toBe('problem');
  await expect.element(page.getByTestId('error')).toHaveAttribute('data-code', 'out-of-memory');
});

test('the lent amount follows the slider', async () => {
  const session = open(viewOf({ profile: testProfile }));
  const slider = document.querySelector<HTMLInputElement>('[data-testid=lend-slider]')!;
  slider.focus();
  await userEvent.keyboard('{ArrowRight}');
  await expect.poll(() => session.calls).toEqual(['setLendBytes 1500000000']);
});

test('a tab that lends nothing as others of its browser lend all can lend more, once it is measured', async () => {
  const session = open(viewOf({ lendBytes: 0 }));
  expect(document.querySelector('[data-testid=lend-slider]')).toBeNull();
  session.show(viewOf({ lendBytes: 0, profile: { ...testProfile, lendBytes: 0 } }));
  await expect.element(page.getByTestId('lend-amount')).toHaveTextContent('0 bytes');
  document.querySelector<HTMLInputElement>('[data-testid=lend-slider]')!.focus();
  await userEvent.keyboard('{ArrowRight}');
  await expect.poll(() => session.calls).toEqual(['setLendBytes 64000000']);
});

test('while the server is away it goes on', async () => {
  const session = open(viewOf({ stage, tokensServed: 42 }));
  session.show({ ...viewOf({ stage, tokensServed: 43 }), phase: 'reconnecting' });
  await expect.poll(stateOf).toBe('reconnecting');
  await expect.element(page.getByTestId('donate-state')).toHaveTextContent('Server away, going on.');
  await expect.element(page.getByTestId('tokens-served')).toHaveTextContent('43');
});

test('a host that only lends its device sees who wants to join, and lets them in or not', async () => {
  const knock = { knockId: 4, name: 'Ann', donates: false, chats: true };
  const room = testRoom([testPeer(1), testPeer(2)], { plan, knocks: [knock, { ...knock, knockId: 5 }] });
  const session = open({ ...viewOf({ stage }, room), isHost: true });
  await expect.element(page.getByText('Ann wants to join (to chat)').first()).toBeVisible();
  await userEvent.click(page.getByTestId('let-in').first());
  await userEvent.click(page.getByTestId('not-now').nth(1));
  await expect.poll(() => session.calls).toEqual(['allow 4 true', 'allow 5 false']);
  session.show(viewOf({ stage }, room));
  await expect.element(page.getByTestId('knock')).not.toBeInTheDocument();
});

test('with the code alone it waits to be let in, and then lends', async () => {
  const session = open(testView(null, { phase: 'asking', selfId: null }));
  await expect.element(page.getByTestId('asking-left')).toBeVisible();
  session.show(viewOf({ stage }));
  await expect.poll(stateOf).toBe('serving');
});

test('a room with a passphrase asks for it', async () => {
  const error = { code: 'passphrase-needed', message: 'this room has a passphrase' } as const;
  const session = open(testView(null, { phase: 'passphrase', selfId: null, error }));
  await userEvent.fill(page.getByTestId('passphrase'), 'open sesame');
  await userEvent.click(page.getByTestId('passphrase-join'));
  expect(session.calls).toEqual(['givePassphrase "open sesame"']);
});

test('whom the host removed is told so calmly', async () => {
  const error = { code: 'removed', message: 'the host has removed this device' } as const;
  open({ ...viewOf({}), phase: 'ended', error });
  await expect.element(page.getByTestId('error')).toHaveAttribute('role', 'status');
});

test('leaving leaves, and says thanks', async () => {
  const session = open();
  await userEvent.click(page.getByTestId('leave'));
  expect(session.calls).toEqual(['leave null']);
  session.show({ ...viewOf({ tokensServed: 7 }), phase: 'ended' });
  await expect.poll(stateOf).toBe('ended');
  await expect.element(page.getByTestId('tokens-served')).toHaveTextContent('7');
});
