import type { LinkState } from '../../mesh/link-state.ts';
import type { RoomView } from '../../room/room-view.ts';
import { linkAdvice } from '../texts/links.ts';
import { formatMs, formatNumber } from '../ui/format.ts';
import { peerWords } from '../ui/peer-words.ts';

const STATE_WORDS: Record<LinkState['state'], string> = {
  connecting: 'connecting…',
  open: 'connected',
  failed: 'no direct link',
};

/** The direct connections of this device, and what to do about those that could not be made. */
export function LinkList({ view }: { view: RoomView }) {
  if (view.links.length === 0) return null;
  return (
    <section aria-label="Connections">
      <h2>Connections</h2>
      <ul class="links">
        {view.links.map((link) => (
          <li key={link.peerId} data-testid="link" data-peer-id={link.peerId} data-state={link.state}>
            {peerWords(view, link.peerId)}: {STATE_WORDS[link.state]}
            {measureWords(view, link)}
            {link.advice !== null && (
              <p class="device-advice" data-testid="link-advice">
                {linkAdvice(link.advice)}
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function measureWords(view: RoomView, link: LinkState): string {
  const pair = [view.selfId, link.peerId];
  const measured = view.room?.links.find(({ a, b }) => pair.includes(a) && pair.includes(b));
  if (link.state !== 'open' || measured === undefined) return '';
  return `, ${formatMs(measured.rttMs)} there and back, ${formatNumber(measured.linkMbps)} Mbit/s`;
}
