import { h, render } from 'preact';
import { afterEach, expect, test, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import '../ui/tokens.css';
import '../ui/base.css';
import './chat.css';
import './room-panel.css';
import { AppError } from '../../shared/errors.ts';
import { TEST_CODE, TestSession, testPeer, testPlan, testRoom, testStage, testView } from '../ui/testing/room.ts';
import type { AnswerChunk, ChatEngine, ChatRequest } from './chat-engine.ts';
import { ChatPage } from './chat-page.tsx';

const plan = testPlan([testStage(1, 0, 4), testStage(2, 4, 8, true)]);
const peers = [testPeer(1, { chats: true }), testPeer(2), testPeer(3, { donates: false, chats: true })];
const ready = testView(testRoom(peers, { plan }));

afterEach(() => {
  render(null, document.body);
});

type Answer = (request: ChatRequest) => AsyncIterable<AnswerChunk>;

class TestChatSession extends TestSession {
  readonly requests: ChatRequest[] = [];
  answer: Answer = noAnswer;
  readonly interrupt = vi.fn();
  readonly pool: ChatEngine = {
    chat: {
      completions: {
        create: async (request) => {
          this.requests.push(request);
          return this.answer(request);
        },
      },
    },
    interruptGenerate: this.interrupt,
    resetChat: vi.fn(),
  };
}

async function* noAnswer(): AsyncGenerator<AnswerChunk> {}

function open(view = ready, answer: Answer = noAnswer): TestChatSession {
  const session = new TestChatSession(view);
  session.answer = answer;
  render(h(ChatPage, { code: TEST_CODE, session, origin: 'https://192.168.1.20:8443' }), document.body);
  return session;
}

const chunk = (content: string, ...token_ids: number[]): AnswerChunk => ({ choices: [{ delta: { content } }], token_ids });
const answerElement = () => document.querySelector<HTMLElement>('[data-testid=message][data-role=assistant]');

test('the devices, their layers and the plan are on the page', async () => {
  await page.viewport(1280, 800);
  open();
  const devices = [...document.querySelectorAll<HTMLElement>('[data-testid=device]')].map(({ dataset }) => dataset);
  expect(devices.map(({ peerId, state, layers, engine }) => [peerId, state, layers, engine])).toEqual([
    ['1', 'serving', '0-3', 'webgpu'],
    ['2', 'serving', '4-7', 'webgpu'],
    ['3', 'idle', '', 'webgpu'],
  ]);
  await expect
    .element(page.getByTestId('plan-why'))
    .toHaveTextContent(
      '2 devices in a chain: 40 ms a token (compute 30 ms, links 6 ms, overhead 4 ms); the best device alone would take 80 ms.',
    );
  await expect.element(page.getByTestId('room-code')).toHaveTextContent(TEST_CODE);
  const bar = page.getByRole('img', { name: 'layers 0–3 on this device, then layers 4–7 and the output on Device 2' });
  await expect.element(bar).toBeVisible();
  await expect
    .element(page.getByTestId('share-url'))
    .toHaveTextContent('https://192.168.1.20:8443/donate/AB2CD#k=kkkkkkkkkkkkkkkk');
  expect(document.documentElement.dataset.phase).toBe('joined');
});

test('Enter asks, the answer is drawn with its ids and its speed', async () => {
  const session = open(ready, async function* () {
    yield chunk('Once *upon*', 5, 6);
    yield { choices: [{ delta: {}, finish_reason: 'stop' }] };
    yield {
      choices: [],
      usage: { completion_tokens: 2, extra: { time_to_first_token_s: 0.25, prefill_tokens_per_s: 1, decode_tokens_per_s: 12.5 } },
    };
  });
  await userEvent.fill(page.getByTestId('composer'), 'Tell me');
  await userEvent.keyboard('{Enter}');
  await expect.poll(() => answerElement()?.dataset.state).toBe('done');
  expect(answerElement()?.dataset.tokenIds).toBe('5 6');
  expect(answerElement()?.querySelector('em')?.textContent).toBe('upon');
  await expect.element(page.getByTestId('answer-stats')).toHaveTextContent('2 tokens · 12.5 tokens/s · first token after 250 ms');
  await expect.element(page.getByTestId('announcer')).toHaveTextContent('Answer: Once *upon*');
  await expect.element(page.getByTestId('composer')).toHaveValue('');
  expect(session.requests[0]?.messages).toEqual([{ role: 'user', content: 'Tell me' }]);
});

test('the plan says what it predicts and what the last answer really took', async () => {
  await page.viewport(1280, 800);
  const predicted = { ...plan.predicted, msPerToken: 40, msPerTokenTogether: 60 };
  open(testView(testRoom(peers, { plan: { ...plan, predicted } })), async function* () {
    yield chunk('Once', 5, 6);
    const extra = { time_to_first_token_s: 0.25, prefill_tokens_per_s: 1, decode_tokens_per_s: 20 };
    yield { choices: [], usage: { completion_tokens: 2, extra } };
  });
  await expect.element(page.getByTestId('speed-predicted')).toHaveTextContent('40 ms per token (25 tokens/s)');
  await expect.element(page.getByTestId('speed-together')).toHaveTextContent('60 ms per token (16.7 tokens/s) each');
  await expect.element(page.getByTestId('speed-measured')).toHaveTextContent('ask something first');
  await userEvent.fill(page.getByTestId('composer'), 'Tell me');
  await userEvent.keyboard('{Enter}');
  await expect
    .element(page.getByTestId('speed-measured'))
    .toHaveTextContent('50 ms per token (20 tokens/s) in the last answer, 25 % more than predicted');
});

test('Shift+Enter breaks the line and asks nothing', async () => {
  const session = open();
  await userEvent.fill(page.getByTestId('composer'), 'one');
  await userEvent.keyboard('{Shift>}{Enter}{/Shift}two');
  await expect.element(page.getByTestId('composer')).toHaveValue('one\ntwo');
  expect(session.requests).toEqual([]);
});

test('Stop is there while an answer streams, and only then', async () => {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const session = open(ready, async function* () {
    yield chunk('So far', 1);
    await ended;
  });
  session.interrupt.mockImplementation(() => end());
  await userEvent.fill(page.getByTestId('composer'), 'Go');
  await userEvent.click(page.getByTestId('send'));
  await expect.poll(() => answerElement()?.getAttribute('aria-busy')).toBe('true');
  await expect.poll(() => answerElement()?.textContent).toContain('So far');
  await userEvent.click(page.getByTestId('stop'));
  await expect.poll(() => answerElement()?.dataset.state).toBe('stopped');
  await expect.element(page.getByTestId('stop')).not.toBeInTheDocument();
  await expect.element(page.getByTestId('send')).toBeVisible();
});

test('a failure names its code and what to do, and can be asked again', async () => {
  let calls = 0;
  const session = open(ready, async function* () {
    if (calls++ === 0) throw new AppError('peer-lost', 'it is gone', { values: { name: 'Device 2' } });
    yield chunk('Better');
  });
  await userEvent.fill(page.getByTestId('composer'), 'Hello');
  await userEvent.keyboard('{Enter}');
  await expect.element(page.getByTestId('error')).toHaveTextContent('Device 2 left in mid-answer. Ask again');
  await expect.element(page.getByTestId('error-details')).toHaveTextContent('it is gone');
  expect(document.querySelector<HTMLElement>('[data-testid=error]')?.dataset.code).toBe('peer-lost');
  await userEvent.click(page.getByTestId('retry'));
  await expect.poll(() => session.requests.length).toBe(2);
  expect(session.requests[1]?.messages).toEqual([{ role: 'user', content: 'Hello' }]);
});

test('the chosen temperature goes into the request', async () => {
  const session = open();
  await userEvent.click(page.getByText('Temperature 0.7'));
  await userEvent.fill(page.getByTestId('temperature'), '0');
  await userEvent.fill(page.getByTestId('max-tokens'), '64');
  await userEvent.fill(page.getByTestId('composer'), 'Hi');
  await userEvent.keyboard('{Enter}');
  await expect.poll(() => session.requests[0]).toMatchObject({ temperature: 0, max_tokens: 64 });
});

test('before there is a plan nothing is sent, and what was typed waits', async () => {
  const session = open(testView(testRoom(peers, { preparing: plan })));
  await userEvent.fill(page.getByTestId('composer'), 'Hello');
  await userEvent.keyboard('{Enter}');
  await expect.element(page.getByTestId('waiting')).toHaveTextContent('The devices are loading their layers: 0%');
  await expect.element(page.getByTestId('composer')).toHaveValue('Hello');
  session.show(ready);
  await userEvent.click(page.getByTestId('send'));
  await expect.poll(() => session.requests.length).toBe(1);
});

test('a host saves settings, bad ones never leave the page', async () => {
  await page.viewport(1280, 800);
  const session = open();
  await userEvent.click(page.getByText('Room settings'));
  await userEvent.fill(page.getByTestId('setting-context'), '5');
  await userEvent.click(page.getByTestId('setting-save'));
  await expect.element(page.getByText('a whole number from 16 to 131072')).toBeVisible();
  expect(session.calls).toEqual([]);
  await userEvent.fill(page.getByTestId('setting-context'), '256');
  await userEvent.selectOptions(page.getByTestId('setting-objective'), 'throughput');
  await userEvent.selectOptions(page.getByTestId('setting-wire'), 'f16');
  await userEvent.fill(page.getByTestId('setting-model'), 'https://models.example/a.gguf');
  await userEvent.click(page.getByTestId('setting-save'));
  const saved = { modelUrl: 'https://models.example/a.gguf', contextLength: 256, wireDtype: 'f16', objective: 'throughput' };
  const inTheOpen = { sourceLayers: 0, headOnSource: false };
  await expect.poll(() => session.calls).toEqual([`setSettings ${JSON.stringify({ ...saved, ...inTheOpen })}`]);
});

test('a guest sees no settings', () => {
  open({ ...ready, isHost: false });
  expect(document.querySelector('[data-testid=settings]')).toBeNull();
});

test("the switch takes the chat's own device out", async () => {
  await page.viewport(1280, 800);
  const session = open();
  await userEvent.click(page.getByTestId('donate-switch'));
  await expect.poll(() => session.calls).toEqual(['setDonates false']);
});

test('a room that does not exist says so and offers a way on', async () => {
  open(
    testView(null, {
      phase: 'ended',
      error: { code: 'room-not-found', values: { code: TEST_CODE }, message: 'there is no room AB2CD' },
    }),
  );
  await expect.element(page.getByTestId('error')).toHaveTextContent('There is no room AB2CD.');
  expect(document.querySelector('[data-testid=error-details]'), 'which would say the same').toBeNull();
  await expect.element(page.getByText('Create or join a room')).toBeVisible();
});

test('while the server is away the chat goes on, and only what the server has to do waits', async () => {
  await page.viewport(1280, 800);
  const session = open({ ...ready, phase: 'reconnecting' });
  await expect.element(page.getByTestId('notice')).toHaveTextContent('The server is away; answers go on.');
  await userEvent.click(page.getByText('Room settings'));
  for (const control of ['setting-save', 'renew-link']) await expect.element(page.getByTestId(control)).toBeDisabled();
  expect(document.querySelector('[data-testid=error]')).toBeNull();
  await userEvent.fill(page.getByTestId('composer'), 'Still there?');
  await userEvent.click(page.getByTestId('send'));
  await expect.poll(() => session.requests.length).toBe(1);
});

test('its line moves nothing when it comes and goes', async () => {
  await page.viewport(390, 844);
  const session = open();
  const top = () => document.querySelector('[data-testid=composer]')!.getBoundingClientRect().top;
  const before = top();
  session.show({ ...ready, phase: 'reconnecting' });
  await expect.element(page.getByTestId('notice')).toBeVisible();
  expect(top()).toBe(before);
});

const knock = { knockId: 4, name: 'Firefox on Android', donates: true, chats: false };

test('the host sees who wants to join, on a phone too, and lets them in or not', async () => {
  await page.viewport(390, 844);
  const session = open(testView(testRoom(peers, { plan, knocks: [knock, { ...knock, knockId: 5, name: 'Ann', chats: true }] })));
  await expect.element(page.getByText('Firefox on Android wants to join (as a donor)')).toBeVisible();
  await expect.element(page.getByText('Ann wants to join (to chat)')).toBeVisible();
  await userEvent.click(page.getByTestId('let-in').first());
  await userEvent.click(page.getByTestId('not-now').nth(1));
  await expect.poll(() => session.calls).toEqual(['allow 4 true', 'allow 5 false']);
});

test('a guest is asked nothing', () => {
  open({ ...testView(testRoom(peers, { plan, knocks: [knock], offeredTo: 2 })), isHost: false });
  for (const id of ['knock', 'take-over', 'remove', 'renew-link'])
    expect(document.querySelector(`[data-testid=${id}]`)).toBeNull();
});

test.each([
  ['let-in', ['allow 4 true']],
  ['take-over-yes', ['takeHost true']],
] as const)('a double click on %s asks once', async (button, calls) => {
  const session = open(testView(testRoom(peers, { plan, offeredTo: 1, knocks: [knock] })));
  await userEvent.dblClick(page.getByTestId(button));
  await expect.element(page.getByTestId(button)).toBeDisabled();
  expect(session.calls).toEqual(calls);
});

test('an answer that failed can be given again, and its error is gone with whoever knocked', async () => {
  const session = open(testView(testRoom(peers, { plan, knocks: [knock] })));
  session.allow = async () => {
    throw new AppError('peer-not-found', 'whoever knocked has gone');
  };
  await userEvent.click(page.getByTestId('let-in'));
  await expect.element(page.getByTestId('error')).toBeVisible();
  await expect.element(page.getByTestId('let-in')).toBeEnabled();
  session.show(ready);
  await expect.element(page.getByTestId('error')).not.toBeInTheDocument();
});

test('an error about whoever has gone before it came is not shown either', async () => {
  const session = open(testView(testRoom(peers, { plan, knocks: [knock] })));
  let refuse = (_: AppError) => {};
  session.allow = () =>
    new Promise((_, reject) => {
      refuse = reject;
    });
  await userEvent.click(page.getByTestId('let-in'));
  session.show(ready);
  await expect.element(page.getByTestId('knock')).not.toBeInTheDocument();
  refuse(new AppError('peer-not-found', 'whoever knocked has gone'));
  await new Promise((resolve) => setTimeout(resolve));
  expect(document.querySelector('[data-testid=error]')).toBeNull();
});

test.each([
  ['take-over-yes', 'takeHost true'],
  ['take-over-no', 'takeHost false'],
])('the chat that the rights are offered to takes them or not: %s', async (button, call) => {
  await page.viewport(390, 844);
  const session = open({ ...testView(testRoom(peers, { plan, hosts: [], offeredTo: 1 })), isHost: false });
  await expect.element(page.getByText('Nobody looks after this room. Take over?')).toBeVisible();
  await userEvent.click(page.getByTestId(button));
  await expect.poll(() => session.calls).toEqual([call]);
});

test('a device is removed only after asking once, and once', async () => {
  await page.viewport(1280, 800);
  const session = open();
  const remove = page.getByRole('button', { name: 'Remove Device 2' });
  await userEvent.click(remove);
  await userEvent.click(page.getByTestId('remove-no'));
  expect(session.calls).toEqual([]);
  await userEvent.click(remove);
  await userEvent.dblClick(page.getByTestId('remove-yes'));
  await expect.element(page.getByTestId('remove-yes')).toBeDisabled();
  expect(session.calls).toEqual(['removePeer 2']);
});

test('nobody removes themselves', async () => {
  await page.viewport(1280, 800);
  open();
  const own = document.querySelector('[data-testid=device][data-peer-id="1"]');
  expect(own?.querySelector('[data-testid=remove]')).toBeNull();
});

test('the link is renewed, and says what that means', async () => {
  await page.viewport(1280, 800);
  const session = open();
  await userEvent.click(page.getByTestId('renew-link'));
  await expect.poll(() => session.calls).toEqual(['renewLink null']);
  await expect.element(page.getByText('The link before this one lets nobody in any more.')).toBeVisible();
});

test('whoever has the code alone waits, sees for how long, and can give up', async () => {
  const session = open(testView(null, { phase: 'asking', selfId: null, isHost: false }));
  await expect.element(page.getByText('Waiting for somebody in the room to let you in')).toBeVisible();
  await expect.element(page.getByTestId('asking-left')).toHaveTextContent('60 s left');
  await expect.element(page.getByTestId('asking-left')).toHaveTextContent('59 s left');
  await userEvent.click(page.getByTestId('give-up'));
  expect(session.calls).toEqual(['leave null']);
});

test.each(['not-allowed', 'nobody-allows'] as const)('%s is said calmly, and can be asked again', async (code) => {
  open(testView(null, { phase: 'ended', selfId: null, isHost: false, error: { code, message: 'nobody let this device in' } }));
  await expect.element(page.getByTestId('error')).toHaveAttribute('role', 'status');
  await expect.element(page.getByTestId('join-again')).toBeVisible();
});

test.each(['rate-limited', 'too-many-tries'] as const)('%s passes, so that it can be asked again', async (code) => {
  open(testView(null, { phase: 'ended', selfId: null, isHost: false, error: { code, message: 'too much at once' } }));
  await expect.element(page.getByTestId('join-again')).toBeVisible();
});

test('a passphrase is asked for, and again when it was not it', async () => {
  const needed = { code: 'passphrase-needed', message: 'this room has a passphrase' } as const;
  const view = testView(null, { phase: 'passphrase', selfId: null, isHost: false, error: needed });
  const session = open(view);
  expect(document.querySelector('[data-testid=error]')).toBeNull();
  await userEvent.fill(page.getByTestId('passphrase'), 'open barley');
  await userEvent.keyboard('{Enter}');
  await expect.poll(() => session.calls).toEqual(['givePassphrase "open barley"']);
  session.show({ ...view, error: null });
  await expect.element(page.getByTestId('passphrase-join')).toBeDisabled();
  session.show({ ...view, error: { code: 'passphrase-wrong', message: 'that is not the passphrase' } });
  await expect.element(page.getByText('That is not it. Try again.')).toBeVisible();
  await expect.element(page.getByTestId('passphrase-join')).toBeEnabled();
});

test.each([320, 1280])('what was typed and chosen waits while a tab that comes back has to ask (%i px wide)', async (width) => {
  await page.viewport(width, 800);
  const session = open();
  await userEvent.click(page.getByText('Temperature 0.7'));
  await userEvent.fill(page.getByTestId('temperature'), '0');
  await userEvent.fill(page.getByTestId('composer'), 'Hello');
  session.show({ ...ready, phase: 'asking' });
  await expect.element(page.getByTestId('give-up')).toBeVisible();
  await expect.element(page.getByTestId('composer')).not.toBeVisible();
  const panel = document.querySelector('.room-panel')!.getBoundingClientRect();
  const entrance = document.querySelector('.entrance')!.getBoundingClientRect();
  expect(entrance.left >= panel.right || entrance.top >= panel.bottom, 'beside or below the room').toBe(true);
  session.show(ready);
  await userEvent.click(page.getByTestId('send'));
  await expect.poll(() => session.requests[0]).toMatchObject({ temperature: 0, messages: [{ content: 'Hello' }] });
});

test('a page that is older than its server can be reloaded', async () => {
  open(
    testView(null, { phase: 'ended', error: { code: 'version-mismatch', message: 'the server speaks version 3, this page 2' } }),
  );
  await expect.element(page.getByTestId('reload')).toBeVisible();
});

test('what was dropped is counted, and a room where nothing was says nothing of it', async () => {
  await page.viewport(1280, 800);
  const session = open();
  expect(document.querySelector('[data-testid=diagnostics]')).toBeNull();
  session.show({ ...ready, diagnostics: { badServerMessages: 0, badPeerMessages: 3, droppedFrames: 1 } });
  await expect.element(page.getByTestId('diagnostics')).toHaveTextContent('3 × messages of other devices');
  await expect.element(page.getByTestId('diagnostics')).toHaveTextContent('1 × frames');
});

test('a device that the server does not see is marked, and serves', async () => {
  await page.viewport(1280, 800);
  open(testView(testRoom([testPeer(1), testPeer(2, { connected: false })], { plan })));
  const device = page.getByTestId('device').nth(1);
  await expect.element(device).toHaveTextContent("out of the server's sight");
  await expect.element(device).toHaveAttribute('data-state', 'serving');
});

test('a narrow phone scrolls nothing sideways', async () => {
  await page.viewport(320, 640);
  open(ready, async function* () {
    yield chunk(
      `${'long'.repeat(60)}\n\n\`\`\`\n${'code '.repeat(60)}\n\`\`\`\n\n|${' wide |'.repeat(20)}\n|${'-|'.repeat(20)}\n|${' cell |'.repeat(20)}`,
    );
  });
  await userEvent.click(page.getByTestId('panel-summary'));
  await userEvent.fill(page.getByTestId('composer'), 'Hi');
  await userEvent.keyboard('{Enter}');
  await expect.poll(() => answerElement()?.dataset.state).toBe('done');
  expect(document.documentElement.scrollWidth).toBe(320);
});

test.each([
  ['asking', testView(null, { phase: 'asking' })],
  ['passphrase', testView(null, { phase: 'passphrase', error: { code: 'passphrase-wrong', message: 'x' } })],
  ['knocks', testView(testRoom(peers, { plan, offeredTo: 1, knocks: [{ ...knock, name: 'n'.repeat(80) }] }))],
])('nor does it for %s', async (_, view) => {
  await page.viewport(320, 640);
  open(view);
  expect(document.documentElement.scrollWidth).toBe(320);
});
