import type { RoomDiagnostics } from '../../room/room-view.ts';

const WORDS: Record<keyof RoomDiagnostics, string> = {
  badServerMessages: 'messages of the server that this page does not understand',
  badPeerMessages: 'messages of other devices that this page does not understand',
  droppedFrames: 'frames that no device of the plan should have sent',
};

/** What was dropped so far; nothing while all is well. */
export function Diagnostics({ diagnostics }: { diagnostics: RoomDiagnostics }) {
  const kinds = (Object.keys(WORDS) as (keyof RoomDiagnostics)[]).filter((kind) => diagnostics[kind] > 0);
  if (kinds.length === 0) return null;
  return (
    <p class="hint" data-testid="diagnostics">
      Dropped so far: {kinds.map((kind) => `${diagnostics[kind]} × ${WORDS[kind]}`).join(', ')}.
    </p>
  );
}
