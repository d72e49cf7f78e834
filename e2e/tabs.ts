import type { Browser, BrowserContextOptions, Page } from 'playwright';
import { keepChannelBytes } from './channel-frames.ts';

/** What the end-to-end tests and the demo read of a page's `edgeshard.view`. */
export interface View {
  phase: string;
  selfId: number | null;
  isHost: boolean;
  error: { code: string; message: string } | null;
  room: {
    code: string;
    settings: { modelUrl: string; contextLength: number | null; wireDtype: string; objective: string };
    model: ModelView | null;
    peers: PeerView[];
    links: { a: number; b: number; rttMs: number; linkMbps: number }[];
    plan: PlanView | null;
    problem: { code: string; message: string } | null;
    hosts: number[];
    joinKey: string;
    knocks: { knockId: number; name: string }[];
    offeredTo: number | null;
  } | null;
  links: { peerId: number; state: string; advice: { code: string } | null }[];
  self: { engine: string | null; engineNote: { code: string } | null; tokensServed: number };
  diagnostics: { badServerMessages: number; badPeerMessages: number; droppedFrames: number };
}

export interface ModelView {
  name: string;
  quantisation: string;
  nLayers: number;
  nKvHeads: number;
  headDim: number;
  contextLength: number;
  layerBytes: number[];
  headBytes: number;
  embeddingBytes: number;
}

export interface PeerView {
  peerId: number;
  name: string;
  profile: {
    engine: string;
    adapter: string;
    decodeLayerMs: number;
    prefillLayerMsPerToken: number;
    forwardOverheadMs: number;
    headMs: number;
    lendBytes: number;
  } | null;
}

export interface PlanView {
  epoch: number;
  modelUrl: string;
  contextLength: number;
  stages: { peerId: number; layers: { startLayer: number; endLayer: number }; head: boolean }[];
  predicted: { msPerToken: number; stageMs: number[]; linkMs: number[] };
  why: { code: string };
  leftOut: { peerId: number; reason: { code: string } }[];
}

/** What a page calls `edgeshard`: the room with WebLLM's interface. */
interface PageGlobal {
  edgeshard: {
    view: View;
    setLendBytes(bytes: number): Promise<void>;
    pool: {
      chat: { completions: { create(request: object): Promise<AsyncIterable<Chunk>> } };
      completions: { create(request: object): Promise<AsyncIterable<Chunk>> };
    };
  };
}

interface Chunk {
  choices: { delta?: { content?: string }; text?: string; finish_reason: string | null }[];
  token_ids?: number[];
  prompt_token_ids?: number[];
  interruption?: { code: string; message: string };
  usage?: { extra: { time_to_first_token_s: number; time_per_output_token_s: number } };
}

export interface TabOptions {
  engine: string;
  name?: string;
  lendBytes?: number;
  /** Chat tabs only: false keeps the chat's own device out of the plan. */
  donate?: boolean;
  /** False leaves camera and microphone out: then addresses are hidden behind mDNS names, as for real users. */
  grantMedia?: boolean;
  /** Keeps what crosses the tab's data channels, for `seenFrames`. */
  keepsChannelBytes?: boolean;
  /** Script that runs in the tab's pipeline worker ahead of its own. */
  workerPrologue?: string;
  context?: BrowserContextOptions;
}

export interface RoomOptions {
  modelUrl?: string;
  contextLength?: number;
  objective?: 'latency' | 'throughput';
  wireDtype?: 'f32' | 'f16';
  privacy?: 'open' | 'private';
  passphrase?: string;
}

/** What the link of a room says. */
export interface RoomLink {
  code: string;
  /** Whoever has it joins without being asked. */
  key: string;
}

export interface ChatTab extends RoomLink {
  page: Page;
}

/** A tab in a context of its own, as another person's browser. */
export async function openTab(
  browser: Browser,
  url: string,
  { grantMedia = true, keepsChannelBytes = false, workerPrologue, context = {} }: Partial<TabOptions> = {},
): Promise<Page> {
  const permissions = grantMedia ? ['camera', 'microphone'] : [];
  const page = await (await browser.newContext({ ...context, permissions })).newPage();
  if (workerPrologue !== undefined) await beginWorkersWith(page, workerPrologue);
  if (keepsChannelBytes) await keepChannelBytes(page);
  await page.goto(url);
  return page;
}

function beginWorkersWith(page: Page, prologue: string): Promise<unknown> {
  return page.route(/\/pipeline-worker-[^/]*\.js$/, async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: prologue + (await response.text()) });
  });
}

/** Creates a room on the start page, as a person does, and stays in its chat. */
export async function createRoom(browser: Browser, serverUrl: string, tab: TabOptions, room: RoomOptions = {}): Promise<ChatTab> {
  const page = await openTab(browser, `${serverUrl}/?${query(tab)}`, tab);
  if (Object.keys(room).length > 0) await page.getByTestId('create-settings').locator('summary').click();
  if (room.modelUrl !== undefined) await page.getByTestId('setting-model').fill(room.modelUrl);
  if (room.contextLength !== undefined) await page.getByTestId('setting-context').fill(`${room.contextLength}`);
  if (room.objective !== undefined) await page.getByTestId('setting-objective').selectOption(room.objective);
  if (room.wireDtype !== undefined) await page.getByTestId('setting-wire').selectOption(room.wireDtype);
  if (room.privacy !== undefined) await page.getByTestId('setting-privacy').selectOption(room.privacy);
  if (room.passphrase !== undefined) await page.getByTestId('setting-passphrase').fill(room.passphrase);
  await page.getByTestId('create-room').click();
  await page.waitForURL(/\/chat\/[A-Z0-9]{5}/);
  await page.waitForFunction(() => (globalThis as unknown as PageGlobal).edgeshard?.view.room != null);
  const { code, joinKey } = (await readView(page)).room!;
  return { page, code, key: joinKey };
}

/** By the room's link. */
export async function openDonor(browser: Browser, serverUrl: string, room: RoomLink, tab: TabOptions): Promise<Page> {
  return openTab(browser, `${serverUrl}/donate/${room.code}?${query(tab)}#k=${room.key}`, tab);
}

/** By the room's link. */
export async function openChat(browser: Browser, serverUrl: string, room: RoomLink, tab: TabOptions): Promise<Page> {
  return openTab(browser, `${serverUrl}/chat/${room.code}?${query(tab)}#k=${room.key}`, tab);
}

export function readView(page: Page): Promise<View> {
  return page.evaluate(() => (globalThis as unknown as PageGlobal).edgeshard.view);
}

/** As by the slider of a donor's page, but to the byte. */
export function lendBytes(page: Page, bytes: number): Promise<void> {
  return page.evaluate((lent) => (globalThis as unknown as PageGlobal).edgeshard.setLendBytes(lent), bytes);
}

/** Waits until the room runs a plan with this many stages. */
export function waitForStages(page: Page, stages: number): Promise<View> {
  const isPlanned = page.waitForFunction(
    (wanted) => {
      const { edgeshard } = globalThis as unknown as PageGlobal;
      return edgeshard.view.room?.plan?.stages.length === wanted;
    },
    stages,
    { timeout: 60_000, polling: 50 },
  );
  return viewOnce(page, isPlanned);
}

/** Waits until the room knows its model, or why it cannot. */
export function waitForModel(page: Page): Promise<View> {
  const isKnown = page.waitForFunction(
    () => {
      const { edgeshard } = globalThis as unknown as PageGlobal;
      return edgeshard.view.room?.model || edgeshard.view.error;
    },
    undefined,
    { timeout: 60_000, polling: 50 },
  );
  return viewOnce(page, isKnown);
}

/** @throws Error with what every tab saw when the wait failed. */
async function viewOnce(page: Page, awaited: Promise<unknown>): Promise<View> {
  try {
    await awaited;
  } catch (error) {
    const contexts = page.context().browser()?.contexts() ?? [page.context()];
    const pages = contexts.flatMap((context) => context.pages());
    const views = await Promise.all(pages.map((each) => readView(each).catch((thrown) => `${thrown}`)));
    throw new Error(`${error}\n${views.map((view) => JSON.stringify(view)).join('\n')}`);
  }
  return readView(page);
}

export type Question = { text: string } | { messages: { role: 'system' | 'user' | 'assistant'; content: string }[] };

export interface AskOptions {
  maxTokens?: number;
  temperature?: number;
  /** Never ends by itself, only at maxTokens or where the context is full. */
  endless?: boolean;
  onText?: (text: string) => void;
}

export interface Answer {
  text: string;
  ids: number[];
  promptIds: number[];
  reason: string | null;
  timeToFirstTokenMs: number;
  msPerToken: number;
  /** Plans that were active while tokens came. */
  epochs: number[];
  /** What the answer had to get over. */
  interruptions: { code: string; message: string }[];
}

/** `</s>` in SentencePiece vocabularies. */
const END_ID = 2;

let listeners = 0;

/** Asks through the page's engine, past its user interface; rejects with `code: message` when the room does. */
export async function ask(page: Page, question: Question, options: AskOptions = {}): Promise<Answer> {
  const listener = `onAnswerText${listeners++}`;
  await page.exposeFunction(listener, options.onText ?? (() => {}));
  const { maxTokens = 64, temperature = 0, endless = false } = options;
  const bias = endless ? { logit_bias: { [END_ID]: -100 } } : {};
  const request = { stream: true, stream_options: { include_usage: true }, max_tokens: maxTokens, temperature, ...bias };
  return page.evaluate(
    async ({ question, request, listener }) => {
      const { edgeshard } = globalThis as unknown as PageGlobal;
      const { pool } = edgeshard;
      const onText = (globalThis as unknown as Record<string, (text: string) => void>)[listener];
      const answer: Answer = {
        text: '',
        ids: [],
        promptIds: [],
        reason: null,
        timeToFirstTokenMs: 0,
        msPerToken: 0,
        epochs: [],
        interruptions: [],
      };
      try {
        const chunks =
          'text' in question
            ? await pool.completions.create({ ...request, prompt: question.text })
            : await pool.chat.completions.create({ ...request, messages: question.messages });
        for await (const chunk of chunks) {
          const text = chunk.choices[0]?.delta?.content ?? chunk.choices[0]?.text ?? '';
          answer.text += text;
          if (text !== '') onText?.(text);
          const epoch = edgeshard.view.room?.plan?.epoch;
          if (epoch !== undefined && !answer.epochs.includes(epoch)) answer.epochs.push(epoch);
          answer.ids.push(...(chunk.token_ids ?? []));
          if (chunk.interruption) answer.interruptions.push(chunk.interruption);
          answer.promptIds.push(...(chunk.prompt_token_ids ?? []));
          answer.reason = chunk.choices[0]?.finish_reason ?? answer.reason;
          answer.timeToFirstTokenMs = 1000 * (chunk.usage?.extra.time_to_first_token_s ?? 0);
          answer.msPerToken = 1000 * (chunk.usage?.extra.time_per_output_token_s ?? 0);
        }
        return answer;
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        throw new Error(`${code}: ${message}`);
      }
    },
    { question, request, listener },
  );
}

function query({ engine, name, lendBytes, donate }: TabOptions): string {
  const values = new URLSearchParams({ engine });
  if (name !== undefined) values.set('name', name);
  if (lendBytes !== undefined) values.set('lend', `${lendBytes}`);
  if (donate === false) values.set('donate', 'off');
  return values.toString();
}

export async function closeTabs(browser: Browser): Promise<void> {
  await Promise.all(browser.contexts().map((context) => context.close()));
}

/**
 * Opens donors that together just hold the built-in model: `layers[i]` layers each, the last one the head too. So all of
 * them are needed, whatever they measure.
 */
export async function openDonors(
  browser: Browser,
  serverUrl: string,
  chat: ChatTab,
  layers: readonly number[],
  tab: TabOptions,
): Promise<Page[]> {
  const { room } = await waitForModel(chat.page);
  const donors: Page[] = [];
  for (const [i, count] of layers.entries()) {
    const lendBytes = shareBytes(room!.model!, count, i === layers.length - 1);
    donors.push(await openDonor(browser, serverUrl, chat, { name: `donor ${i + 1}`, lendBytes, ...tab }));
  }
  return donors;
}

/** Memory for some layers with the keys and values of one chat, and perhaps for the head, bytes. */
export function shareBytes(model: SizedModel, layers: number, head: boolean): number {
  const contextLength = Math.min(DEFAULT_CONTEXT_LENGTH, model.contextLength);
  const kvBytes = 2 * model.nKvHeads * (2 * model.headDim + 4) * contextLength;
  return layers * (Math.max(...model.layerBytes) + kvBytes) + (head ? model.headBytes : 0);
}

type SizedModel = Pick<ModelView, 'nKvHeads' | 'headDim' | 'layerBytes' | 'headBytes' | 'contextLength'>;

/** What a room takes when its host says nothing, tokens. */
const DEFAULT_CONTEXT_LENGTH = 2048;
