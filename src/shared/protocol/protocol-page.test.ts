import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { BulkItem } from './bulk.ts';
import type { Frame } from './frame.ts';
import { PeerMessageSchema } from './peer.ts';
import { clientEvents, serverEvents } from './signaling.ts';

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
const FRAMES: Record<Frame['kind'], true> = { forward: true, reply: true };
const BULK: Record<BulkItem['kind'], true> = { fragment: true, grant: true };

/** Names in the first cells of a section's table. */
function rowsUnder(heading: string): string[] {
  const section = page.split('\n## ').find((part) => part.startsWith(heading)) ?? '';
  const cells = [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`.]+)`/g)].map(([, name]) => name!));
}

it.each([
  ['From a tab to the server', Object.keys(clientEvents)],
  ['From the server to a tab', Object.keys(serverEvents)],
  [
    'From tab to tab',
    [...PeerMessageSchema.options.map(({ entries }) => entries.kind.literal), ...Object.keys(FRAMES), ...Object.keys(BULK)],
  ],
])('the page of the protocol has every message that goes %s, and no other', (heading, names) => {
  expect(rowsUnder(heading).toSorted()).toEqual(names.toSorted());
});
