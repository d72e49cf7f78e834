import type { ErrorCode, ErrorReport } from '../../shared/errors.ts';
import { capitalised } from './capitalised.ts';
import { fill } from './fill.ts';

/** Every error as people read it. */
interface ErrorText {
  /**
   * What happened, without a full stop. The first sentence whose values are all there is said (`fill.ts` has their units); the last
   * one needs none.
   */
  line: readonly [string, ...string[]];
  /** What can be done about it. */
  advice: string;
}

const RELOAD = 'Reload the page. If it happens again, say so where you found this project.';
const ASK_AGAIN = 'Ask again: the room plans anew with the devices that are left.';
const OTHER_MODEL = 'Choose another model in the room settings: a Llama model as GGUF in F32, F16, Q8_0 or Q4_0.';
const OTHER_FILE = 'Check the address of the model file, or choose another one in the room settings.';
const MORE_MEMORY = 'Add a device, lend more on a donate page, or choose a smaller model or a shorter context.';

export const ERROR_TEXTS: Record<ErrorCode, ErrorText> = {
  'room-not-found': {
    line: [
      '"{typed}" is no room. A room code has {codeLength} letters or digits, never I, O, 0 or 1',
      'There is no room {code}',
      'There is no such room',
    ],
    advice: 'Check the code, or create a new room: a room ends when its last device has left.',
  },
  'room-full': {
    line: [
      'Room {code} has {devices} devices, the most that it may have',
      '{waiting} others wait to be let into room {code}',
      'The room has as many devices as it may have',
    ],
    advice: 'Ask somebody in the room to close a tab, or create another room.',
  },
  'not-host': { line: ['Only the host of the room may do this'], advice: 'Ask whoever created the room to change this.' },
  'not-joined': { line: ['This tab is in no room'], advice: 'Reload the page to join the room again.' },
  'peer-not-found': { line: ['That device is not in the room any more'], advice: 'That device has just left. Try again.' },
  'bad-message': { line: ['{detail}', 'What this page asked for was not understood'], advice: RELOAD },
  'rate-limited': { line: ['Too much was asked at once'], advice: 'Wait a few seconds, then try again.' },
  'server-unreachable': {
    line: ['There is no connection to the server'],
    advice: 'Check that the server is running and that this device is still in its network.',
  },
  'server-full': {
    line: ['This server holds {rooms} rooms, the most that it may', 'This server holds as many rooms as it may'],
    advice: 'Try again later, or start a server of your own.',
  },
  'too-many-tries': {
    line: ['There were too many tries from this address'],
    advice: 'Wait a few minutes, then try again, or ask for the link of the room.',
  },
  'version-mismatch': {
    line: ['The server and this page are of different versions'],
    advice: 'Reload the page: the server has a newer version.',
  },
  dropped: {
    line: ['This tab was away for too long'],
    advice: 'Reload the page to join again. A phone must stay unlocked with this page in front.',
  },
  removed: {
    line: ['A host has removed this device from the room'],
    advice: 'Ask the host of the room if you should be back in it.',
  },
  'not-allowed': { line: ['A host did not let this device in'], advice: 'Ask the host of the room for its link.' },
  'nobody-allows': {
    line: ['Nobody in the room answered'],
    advice: 'Ask for the link of the room: nobody in it could let you in just now.',
  },
  'passphrase-needed': { line: ['This room asks for its passphrase'], advice: 'Ask the host of the room for its passphrase.' },
  'passphrase-wrong': {
    line: ['That is not the passphrase of the room'],
    advice: 'Check the passphrase and try again.',
  },

  'link-timeout': {
    line: ['A direct link between two devices was not there in time'],
    advice: 'Put both devices into the same Wi-Fi, and not into a guest network: those keep devices apart.',
  },
  'peer-lost': { line: ['{name} left in mid-answer', 'A device that is needed cannot be reached'], advice: ASK_AGAIN },
  'frame-malformed': { line: ['A device sent something that cannot be read'], advice: ASK_AGAIN },
  'frame-too-large': { line: ['More was to be sent at once than is allowed'], advice: ASK_AGAIN },
  'link-congested': {
    line: ['The link to a device is too slow for what is sent over it'],
    advice: 'Move the devices closer to the access point, or choose 16-bit activations in the room settings.',
  },
  'frame-lost': { line: ['A step of the answer was lost on its way through the devices'], advice: ASK_AGAIN },
  'epoch-unknown': { line: ['A device works by another plan'], advice: ASK_AGAIN },
  'sequence-gap': { line: ['A device lacks a part of this conversation'], advice: ASK_AGAIN },
  'stage-failed': {
    line: [
      'This device has loaded nothing of its layers for {silentMs}, {allowedMs} are allowed ({loadedBytes} of {shardBytes} are there)',
      'This device has loaded nothing of its layers for {silentMs}, {allowedMs} are allowed',
      "There was no answer from the room's devices for {waitedMs}",
      'A device could not do its part',
    ],
    advice: ASK_AGAIN,
  },
  'stage-hung': { line: ['A device does not come back from its part of an answer'], advice: ASK_AGAIN },

  'model-unreachable': {
    line: ['{url} answers with status {status}', '{url} cannot be read', 'The model file cannot be read'],
    advice: `${OTHER_FILE} Its server must allow other sites to read it (CORS).`,
  },
  'model-ignores-ranges': {
    line: ['The server of the model file does not send parts of it'],
    advice: 'Put the file on a server that answers range requests: each device loads only its own part.',
  },
  'model-truncated': { line: ['The model file ends too early'], advice: OTHER_FILE },
  'model-changed': {
    line: ['The model file is not the one that was opened'],
    advice: 'The file changed while it was being read. Reload the page.',
  },
  'model-malformed': { line: ['{detail}', 'The model file contradicts itself'], advice: OTHER_FILE },
  'not-gguf': { line: ['The file does not begin with "GGUF"'], advice: OTHER_FILE },
  'quantisation-unsupported': {
    line: ['The file has tensors in {formats}; supported are {supported}', 'The model is in a format that does not run here'],
    advice: OTHER_MODEL,
  },
  'architecture-unsupported': {
    line: ['{detail}; only plain llama models run here', 'Only plain llama models run here'],
    advice: OTHER_MODEL,
  },
  'tokenizer-unsupported': {
    line: [
      'The file\'s tokenizer is "{tokenizer}"; supported are {supported}',
      'The file cuts words as "{words}"; supported are {supported}',
      "The model's tokenizer or chat template does not run here",
    ],
    advice: OTHER_MODEL,
  },

  'no-webgpu': {
    line: ['{detail}', 'This browser offers no WebGPU on this page'],
    advice: 'Use a current Chrome, Edge, Safari or Firefox under an https:// address, or add ?engine=cpu to this one.',
  },
  'device-lost': {
    line: ['The graphics device is gone'],
    advice: 'This device starts anew with the weights that it has stored. Lend less on it if that happens again.',
  },
  'out-of-memory': {
    line: [
      'This device has no memory for {neededBytes}, it allows {allowedBytes} in one piece',
      'This device has no memory for {neededBytes} beside the {heldBytes} that it holds',
      'This device has no memory for {neededBytes}',
      'This device has not enough memory',
    ],
    advice: 'Lend less on this device, close other tabs, or add a device to the room.',
  },
  'no-devices': {
    line: ['No engine works on this device: {missing}', 'No device in this room gives its layers yet'],
    advice: 'Open the donate page of this room on a device, or let this one take part.',
  },
  'does-not-fit': {
    line: [
      '{model} needs {neededBytes} with a context of {contextTokens}, the room lends {lentBytes}: {missingBytes} are missing',
      '{model} needs {neededBytes} with a context of {contextTokens}, the room lends {lentBytes}, but in portions too small for whole layers: one device must lend {missingFromOneBytes} more',
      'The model needs more memory than the devices of the room lend',
    ],
    advice: MORE_MEMORY,
  },
  'no-path': {
    line: [
      '{model} needs {neededBytes} with a context of {contextTokens} and the room lends {lentBytes}, but the devices that could hold it are not all linked to each other and to the chats',
      'The devices that could hold the model are not all linked to each other and to the chats',
    ],
    advice: 'Put the devices into the same Wi-Fi: no two of them that could share the model can reach each other.',
  },
  'planning-timeout': {
    line: ['Planning this room took longer than {allowedMs}', 'Planning this room took too long'],
    advice: 'Remove a device from the room, or try again.',
  },

  'context-full': {
    line: [
      "{askedTokens} are more than this room's context of {contextTokens}",
      'The conversation is longer than the context of this room',
    ],
    advice: 'Start a new conversation, or let the host choose a longer context.',
  },
  'no-plan': {
    line: ['The room has no plan'],
    advice: 'Wait until the devices have loaded their layers, then ask again.',
  },
  'room-changed': {
    line: ['The host has changed the settings of the room'],
    advice: 'Ask again: the room has other settings now.',
  },
  busy: {
    line: ['The room is still answering this chat'],
    advice: 'Wait until the answer before this one is finished, or stop it.',
  },
  stopped: { line: ['This was stopped'], advice: 'Ask again whenever you like.' },
  internal: { line: ['Something went wrong that never should'], advice: RELOAD },
};

/** What happened, beginning with a capital and without a full stop. */
export function errorLine({ code, values = {} }: ErrorReport): string {
  const { line } = ERROR_TEXTS[code];
  const filled = line.map((sentence) => fill(sentence, values)).find((sentence) => sentence !== null);
  return capitalised(filled ?? line.at(-1)!);
}

export function errorAdvice(code: ErrorCode): string {
  return ERROR_TEXTS[code].advice;
}

/** The technical message of an error, or null when its line says all of that. */
export function errorDetails(report: ErrorReport): string | null {
  const plain = (text: string) => text.toLowerCase().replace(/[.\s]+$/, '');
  return plain(errorLine(report)).includes(plain(report.message)) ? null : report.message;
}

/** One line for what an answer got over. */
export function interruptionLine(report: ErrorReport): string {
  return `${errorLine(report)}: the answer goes on.`;
}
