import type { Browser, Page } from 'playwright';
import type { Server } from '../../e2e/server.ts';
import { type Answer, ask, createRoom, openDonor, readView, shareBytes, type View, waitForModel } from '../../e2e/tabs.ts';
import { CLIENT_HEADER, type RangeServer } from './range-server.ts';

export interface WalkOptions {
  modelUrl: string;
  donors: number;
  engine: string;
  tokens: number;
}

export interface WalkResult {
  view: View;
  answer: Answer;
  loadSeconds: number;
  /** By donor, in the order of the stages; and of the chat tab. */
  sentBytes: { name: string; bytes: number }[];
}

const LOAD_TIMEOUT_MS = 600_000;
const CONTEXT_TOKENS = 64;
/** Only the token with which sequences begin: what is to be seen here is not the prompt. */
const PROMPT = '';

/** A room of one chat and some donors, which need each other to hold the model; it answers one prompt. */
export async function walk(browser: Browser, server: Server, files: RangeServer, options: WalkOptions): Promise<WalkResult> {
  const { modelUrl, donors, engine, tokens } = options;
  const named = (name: string) => ({ engine, name, context: { extraHTTPHeaders: { [CLIENT_HEADER]: name } } });
  const chat = await createRoom(
    browser,
    server.url,
    { ...named('chat'), donate: false },
    { modelUrl, contextLength: CONTEXT_TOKENS },
  );
  const { room, error } = await waitForModel(chat.page);
  if (!room?.model) throw new Error(error?.message ?? 'the model could not be opened');
  const startedMs = performance.now();
  const perDonor = room.model.nLayers / donors;
  for (let i = 0; i < donors; i++) {
    const lendBytes = shareBytes({ ...room.model, contextLength: CONTEXT_TOKENS }, perDonor, i === donors - 1);
    await openDonor(browser, server.url, chat, { ...named(`donor ${i + 1}`), lendBytes });
  }
  const view = await waitForPlan(chat.page, donors);
  const loadSeconds = (performance.now() - startedMs) / 1000;
  const answer = await ask(chat.page, { text: PROMPT }, { maxTokens: tokens, endless: true });
  const names = [...view.room!.plan!.stages.map(({ peerId }) => nameOf(view, peerId)), 'chat'];
  const sentBytes = names.map((name) => ({ name, bytes: files.sentBytes.get(name) ?? 0 }));
  return { view, answer, loadSeconds, sentBytes };
}

export function nameOf({ room }: View, peerId: number): string {
  return room!.peers.find((peer) => peer.peerId === peerId)!.name;
}

/** Until all donors have loaded their layers. @throws Error when the room says why it can't plan, and nothing else happens */
async function waitForPlan(page: Page, stages: number): Promise<View> {
  const deadlineMs = performance.now() + LOAD_TIMEOUT_MS;
  for (;;) {
    const view = await readView(page);
    if (view.room?.plan?.stages.length === stages) return view;
    if (performance.now() > deadlineMs) {
      throw new Error(
        `no plan within ${LOAD_TIMEOUT_MS / 1000} s: ${view.room?.problem?.message ?? view.error?.message ?? 'still loading'}`,
      );
    }
    await page.waitForTimeout(250);
  }
}
