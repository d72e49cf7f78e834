import { render } from 'preact';
import { createRoom } from '../../room/create-room.ts';
import { openRoom } from '../../room/open-room.ts';
import { PoolEngine } from '../../webllm/pool-engine.ts';
import { deviceName } from '../ui/device-name.ts';
import { keepKeyInAddress } from '../ui/key-in-address.ts';
import { readPageAddress } from '../ui/page-address.ts';
import { StartPage } from '../ui/start-page.tsx';
import { ChatPage } from './chat-page.tsx';

const address = readPageAddress(new URL(location.href));
const root = document.getElementById('page')!;

if (address.code === null) {
  render(
    <StartPage
      createRoom={createRoom}
      refusedCode={address.refusedCode}
      query={location.search}
      open={(path) => location.assign(path)}
    />,
    root,
  );
} else {
  const room = openRoom({
    code: address.code,
    joinKey: address.joinKey,
    role: { donates: address.donates, chats: true },
    name: address.name ?? deviceName(navigator.userAgent),
    engine: address.engine,
    lendBytes: address.lendBytes,
  });
  const session = Object.assign(room, { pool: new PoolEngine({ worker: room.worker, view: () => room.view }) });
  // For scripts in this page: `edgeshard.pool` is the room with WebLLM's interface, `edgeshard.view` what the page shows.
  Object.assign(globalThis, { edgeshard: session });
  keepKeyInAddress(session);
  render(<ChatPage code={address.code} session={session} origin={location.origin} />, root);
}
