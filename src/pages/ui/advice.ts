import type { ErrorCode } from '../../shared/errors.ts';

const RELOAD = 'Reload the page. If it happens again, say so where you found this project.';
const ASK_AGAIN = 'Ask again: the room plans anew with the devices that are left.';
const OTHER_MODEL = 'Choose another model in the room settings: a Llama model as GGUF in F32, F16, Q8_0 or Q4_0.';
const OTHER_FILE = 'Check the address of the model file, or choose another one in the room settings.';
const MORE_MEMORY = 'Add a device, lend more on a donate page, or choose a smaller model or a shorter context.';

/** What a person can do about each failure. The message says what happened, this says what to do next. */
const ADVICE: Record<ErrorCode, string> = {
  'room-not-found': 'Check the code, or create a new room: a room ends when its last device has left.',
  'room-full': 'Ask somebody in the room to close a tab, or create another room.',
  'not-host': 'Ask whoever created the room to change this.',
  'not-joined': 'Reload the page to join the room again.',
  'peer-not-found': 'That device has just left. Try again.',
  'bad-message': RELOAD,
  'rate-limited': 'Wait a few seconds, then try again.',
  'server-unreachable': 'Check that the server is running and that this device is still in its network.',
  'server-full': 'Try again later, or start a server of your own.',
  'too-many-tries': 'Wait a few minutes, then try again, or ask for the link of the room.',
  'version-mismatch': 'Reload the page: the server has a newer version.',
  removed: 'Ask the host of the room if you should be back in it.',
  'not-allowed': 'Ask the host of the room for its link.',
  'nobody-allows': 'Ask for the link of the room: nobody in it could let you in just now.',
  'passphrase-needed': 'Ask the host of the room for its passphrase.',
  'passphrase-wrong': 'Check the passphrase and try again.',
  dropped: 'Reload the page to join again. A phone must stay unlocked with this page in front.',
  'link-timeout': 'Put both devices into the same Wi-Fi, and not into a guest network: those keep devices apart.',
  'peer-lost': ASK_AGAIN,
  'frame-malformed': ASK_AGAIN,
  'frame-too-large': ASK_AGAIN,
  'link-congested': 'Move the devices closer to the access point, or choose 16-bit activations in the room settings.',
  'frame-lost': ASK_AGAIN,
  'epoch-unknown': ASK_AGAIN,
  'sequence-gap': ASK_AGAIN,
  'stage-failed': ASK_AGAIN,
  'stage-hung': ASK_AGAIN,
  'model-unreachable': `${OTHER_FILE} Its server must allow other sites to read it (CORS).`,
  'model-ignores-ranges': 'Put the file on a server that answers range requests: each device loads only its own part.',
  'model-truncated': OTHER_FILE,
  'model-changed': 'The file changed while it was being read. Reload the page.',
  'model-malformed': OTHER_FILE,
  'not-gguf': OTHER_FILE,
  'quantisation-unsupported': OTHER_MODEL,
  'architecture-unsupported': OTHER_MODEL,
  'tokenizer-unsupported': OTHER_MODEL,
  'no-webgpu': 'Use a current Chrome, Edge, Safari or Firefox under an https:// address, or add ?engine=cpu to this one.',
  'device-lost': 'This device starts anew with the weights that it has stored. Lend less on it if that happens again.',
  'out-of-memory': 'Lend less on this device, close other tabs, or add a device to the room.',
  'no-devices': 'Open the donate page of this room on a device, or let this one take part.',
  'does-not-fit': MORE_MEMORY,
  'no-path': 'Put the devices into the same Wi-Fi: no two of them that could share the model can reach each other.',
  'planning-timeout': 'Remove a device from the room, or try again.',
  'context-full': 'Start a new conversation, or let the host choose a longer context.',
  'no-plan': 'Wait until the devices have loaded their layers, then ask again.',
  'room-changed': 'Ask again: the room has other settings now.',
  busy: 'Wait until the answer before this one is finished, or stop it.',
  stopped: 'Ask again whenever you like.',
  internal: RELOAD,
};

export function adviceFor(code: ErrorCode): string {
  return ADVICE[code];
}
