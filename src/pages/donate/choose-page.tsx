import { JoinForm, RefusedCode } from '../ui/join-form.tsx';
import { roomPath } from '../ui/page-address.ts';
import { PageHeader } from '../ui/page-header.tsx';

interface Props {
  /** What the address has in the place of a room code and is none. */
  refusedCode: string | null;
  /** The query of this page's address, kept on the way into a room. */
  query: string;
  open: (path: string) => void;
}

/** Asks which room this device is for. */
export function ChoosePage({ refusedCode, query, open }: Props) {
  return (
    <div class="donate">
      <PageHeader code={null} />
      <main>
        <RefusedCode text={refusedCode} />
        <h1>Lend this device to a room</h1>
        <p class="lead">Type the code that the chat page of the room shows.</p>
        <JoinForm
          actions={[{ label: 'Lend this device', testId: 'join', run: (code) => open(roomPath('donate', code, { query })) }]}
        />
      </main>
    </div>
  );
}
