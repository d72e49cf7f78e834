import { render } from 'preact';
import { openRoom } from '../../room/open-room.ts';
import { deviceName } from '../ui/device-name.ts';
import { keepKeyInAddress } from '../ui/key-in-address.ts';
import { readPageAddress } from '../ui/page-address.ts';
import { ChoosePage } from './choose-page.tsx';
import { DonatePage } from './donate-page.tsx';

const address = readPageAddress(new URL(location.href));
const root = document.getElementById('page')!;

if (address.code === null) {
  render(<ChoosePage refusedCode={address.refusedCode} query={location.search} open={(path) => location.assign(path)} />, root);
} else {
  const session = openRoom({
    code: address.code,
    joinKey: address.joinKey,
    role: { donates: true, chats: false },
    name: address.name ?? deviceName(navigator.userAgent),
    engine: address.engine,
    lendBytes: address.lendBytes,
  });
  // For scripts in this page, as on the chat page.
  Object.assign(globalThis, { edgeshard: session });
  keepKeyInAddress(session);
  render(<DonatePage code={address.code} session={session} />, root);
}
