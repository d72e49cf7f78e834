import type { ErrorCode, ErrorReport } from '../../shared/errors.ts';

/** After these the same address may well work a moment later. */
const WORTH_ASKING: ErrorCode[] = [
  'not-allowed',
  'nobody-allows',
  'room-full',
  'server-full',
  'rate-limited',
  'too-many-tries',
  'dropped',
];

/** For a tab that was not let in, or is not in the room any more. */
export function JoinAgain({ error }: { error: ErrorReport | null }) {
  if (error === null || !WORTH_ASKING.includes(error.code)) return null;
  return (
    <p class="buttons">
      <button type="button" data-testid="join-again" onClick={() => location.reload()}>
        Ask again
      </button>
    </p>
  );
}
