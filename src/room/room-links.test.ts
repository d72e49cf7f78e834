import { afterEach, expect, it, vi } from 'vitest';
import type { MeshOptions } from '../mesh/mesh.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import { RoomLinks } from './room-links.ts';
import type { Tell } from './tell-server.ts';
import { initialView, ViewStore } from './view-store.ts';

let events: MeshOptions['events'];
/** Stands for the browser's WebRTC: the test says what becomes of a link. */
vi.mock('../mesh/mesh.ts', () => ({
  Mesh: class {
    constructor(options: MeshOptions) {
      events = options.events;
    }
    setAway(): void {}
    serverGone(): void {}
    closeAll(): void {}
  },
}));

let links: RoomLinks;
afterEach(() => links.close());

/** @returns which links the server was told to be gone */
function open(): PeerId[] {
  const lost: PeerId[] = [];
  const tell = ((event: string, { to, link }: { to: PeerId; link: unknown }) => {
    if (event === 'link:report' && link === null) lost.push(to);
  }) as unknown as Tell;
  links = new RoomLinks(new ViewStore(initialView(true, null)), tell);
  links.open({ peerId: 1, iceServers: [] } as never);
  for (const peerId of [2, 3]) events.onLinkState({ peerId, state: 'open', advice: null });
  return lost;
}

function breakAll(): void {
  for (const peerId of [2, 3]) events.onLinkState({ peerId, state: 'connecting', advice: null });
}

it('a device that the server lost, whose link is broken too, is told to be gone at once', () => {
  const lost = open();
  breakAll();
  links.setAway([3], true);
  expect(lost).toEqual([3]);
});

it('a device whose link breaks after the server lost it is told to be gone as well', () => {
  const lost = open();
  links.setAway([2], true);
  breakAll();
  expect(lost).toEqual([2]);
});

it('the first tab that is back after a break of everybody’s network throws nobody out', () => {
  const lost = open();
  breakAll();
  links.serverGone();
  links.setAway([2, 3], false);
  expect(lost).toEqual([]);
  // One that comes back, and is lost again, is news.
  links.setAway([3], true);
  links.setAway([2, 3], true);
  expect(lost).toEqual([2]);
});
