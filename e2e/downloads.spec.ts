import { availableParallelism } from 'node:os';
import { expect } from '@playwright/test';
import { test } from './room-test.ts';
import type { ModelRequest } from './server.ts';
import { ask, createRoom, openDonors, waitForStages } from './tabs.ts';

/** A model is opened by asking for one byte, to learn its size, and then for so much, for its header. */
const HEADER_READ_BYTES = 256 * 1024;

test("each donor downloads its own layers' bytes and the header, nothing else", async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine: 'cpu', donate: false });
  await openDonors(lab, server.url, chat, [3, 3, 2], { engine: 'cpu' });
  const { room, selfId } = await waitForStages(chat.page, 3);
  // The server's pages are isolated, so that threads may share memory.
  const adapters = room!.peers.flatMap(({ profile }) => profile?.adapter ?? []);
  if (availableParallelism() > 1) for (const adapter of adapters) expect(adapter).toMatch(/on \d+ threads/);
  await ask(chat.page, { text: 'Once' }, { maxTokens: 4 });
  const { layerBytes, headBytes, embeddingBytes } = room!.model!;
  const requests = (await server.modelRequests()).filter(({ device }) => device?.startsWith(chat.code));
  expect(requests.every(({ status, range }) => status === 206 && range !== null)).toBe(true);
  for (const { peerId, layers, head } of room!.plan!.stages) {
    const held = layerBytes.slice(layers.startLayer, layers.endLayer);
    expect(weightBytes(requests, peerId), `device ${peerId}`).toBe(
      held.reduce((sum, bytes) => sum + bytes, head ? headBytes : 0),
    );
  }
  expect(weightBytes(requests, selfId!), 'the chat').toBe(embeddingBytes);
});

function weightBytes(requests: readonly ModelRequest[], peerId: number): number {
  const own = requests.filter(({ device }) => device?.endsWith(`-${peerId}`));
  const isOpening = ({ range }: ModelRequest) => range!.startsWith('bytes=0-');
  expect(own.filter(isOpening).map(({ bytes }) => bytes)).toEqual([1, HEADER_READ_BYTES]);
  return own.filter((request) => !isOpening(request)).reduce((sum, { bytes }) => sum + bytes, 0);
}
