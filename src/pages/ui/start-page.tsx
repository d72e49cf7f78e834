import { CreateForm } from './create-form.tsx';
import { JoinForm, RefusedCode } from './join-form.tsx';
import { roomPath } from './page-address.ts';
import { PageHeader } from './page-header.tsx';
import type { CreateRoom } from './page-session.ts';

interface Props {
  createRoom: CreateRoom;
  /** What the address has in the place of a room code and is none. */
  refusedCode: string | null;
  /** The query of this page's address, kept on the way into a room. */
  query: string;
  open: (path: string) => void;
}

/** Create a room or join one. */
export function StartPage({ createRoom, refusedCode, query, open }: Props) {
  return (
    <div class="start">
      <PageHeader code={null} />
      <main>
        <RefusedCode text={refusedCode} />
        <h1>One language model, run by the devices in the room</h1>
        <p class="lead">
          Each browser runs some of the model's layers and hands the result to the next, so that together they answer what none of
          them could hold alone.
        </p>
        <section class="card" aria-label="Create">
          <h2>Start</h2>
          <CreateForm
            createRoom={createRoom}
            onCreated={({ code, joinKey }) => open(roomPath('chat', code, { joinKey, query }))}
          />
        </section>
        <section class="card" aria-label="Join">
          <h2>Join</h2>
          <JoinForm
            actions={[
              { label: 'Join the chat', testId: 'join', run: (code) => open(roomPath('chat', code, { query })) },
              { label: 'Lend this device', testId: 'join-donate', run: (code) => open(roomPath('donate', code, { query })) },
            ]}
          />
        </section>
        <p class="hint">
          Nothing is installed. What you ask stays between the devices of the room: the server only introduces them.
        </p>
      </main>
    </div>
  );
}
