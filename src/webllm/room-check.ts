import type { RoomView } from '../room/room-view.ts';
import type { ErrorCode, ErrorReport } from '../shared/errors.ts';

/** Of the model or of this device: they stay until something is changed. Those of messages and links are over with the next one. */
const LASTING: ReadonlySet<ErrorCode> = new Set([
  'model-unreachable',
  'model-ignores-ranges',
  'model-truncated',
  'model-changed',
  'model-malformed',
  'not-gguf',
  'quantisation-unsupported',
  'architecture-unsupported',
  'tokenizer-unsupported',
  'no-webgpu',
  'device-lost',
  'out-of-memory',
  'no-devices',
  // All that is known of a worker that died.
  'internal',
]);

/** Why the room cannot answer at all and waiting will not help; null when it can, or may soon. */
export function refusalOf({ phase, room, error }: RoomView): ErrorReport | null {
  if (phase === 'ended') return error ?? { code: 'not-joined', message: 'this tab has left the room' };
  if (room?.plan || room?.preparing) return null;
  return room?.problem ?? (error !== null && LASTING.has(error.code) ? error : null);
}
