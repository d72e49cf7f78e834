import type { DeviceHints } from '../donor/lend-default.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { DeviceMessage, StageOutcome } from '../shared/model/device-message.ts';
import type { EngineChoice } from '../shared/model/device-profile.ts';
import type { ChosenLogprob, FinishReason, GenerateSettings, GenerateUsage, Prompt } from '../shared/model/generation.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { RoomSettings } from '../shared/model/room-settings.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';

/** What the page and its pipeline worker say to each other. ArrayBuffers are transferred, never copied. */

export interface WorkerSetup {
  /** Names this device in the log of the room's own server: room code and number. */
  label: string;
  selfId: PeerId;
  chats: boolean;
  donates: boolean;
  engine: EngineChoice;
  /** null: the default of this device class. */
  lendBytes: number | null;
  /** The worker sees less of its device than the page does. */
  hints: DeviceHints;
}

/** What of a room's settings everything starts anew for. */
export type ModelSettings = Pick<RoomSettings, 'modelUrl' | 'contextLength' | 'sourceLayers' | 'headOnSource'>;

export type ToWorker =
  /** `links`: the worker's end of the port to this tab's links. */
  | { kind: 'setup'; setup: WorkerSetup; links: MessagePort }
  | { kind: 'model'; settings: ModelSettings }
  | { kind: 'donates'; donates: boolean }
  | { kind: 'lend'; lendBytes: number }
  | { kind: 'prepare'; plan: Plan }
  | { kind: 'activate'; plan: Plan }
  /** `isHopeless`: and the room says that none can be made. */
  | { kind: 'no-plan'; isHopeless: boolean }
  | { kind: 'retire'; epoch: number }
  | { kind: 'generate'; id: number; prompt: Prompt; settings: GenerateSettings }
  | { kind: 'stop'; id: number }
  | { kind: 'forget' };

/** Parts of an answer, for whoever asked. */
export type AnswerMessage =
  | { kind: 'generated'; id: number; text: string; tokenIds: number[]; logprobs: ChosenLogprob[] }
  | { kind: 'finished'; id: number; reason: FinishReason; usage: GenerateUsage }
  | { kind: 'generate-failed'; id: number; error: ErrorReport }
  /** The answer was interrupted by this, and goes on as soon as it can. */
  | { kind: 'interrupted'; id: number; error: ErrorReport };

/** What goes on to the server and the other devices. */
export type RoomMessage =
  /** The worker's clock: hidden tabs slow the page's own. */
  | { kind: 'tick'; nowMs: number }
  | { kind: 'model-opened'; modelUrl: string; spec: ModelSpec }
  | { kind: 'model-failed'; modelUrl: string; error: ErrorReport }
  | StageOutcome
  | { kind: 'moved'; epoch: number }
  /** A stage does not come back from a pass of this chat. */
  | { kind: 'hung'; epoch: number; peerId: PeerId }
  /** What a device sent that has no part in it was dropped. */
  | { kind: 'refused'; from: PeerId }
  /** A device sent what is no frame; it was dropped. */
  | { kind: 'bad-frame' };

export type FromWorker = AnswerMessage | DeviceMessage | RoomMessage;

/** What the page's links and the worker's transport say to each other, on a port of their own. */
export type FromLinks =
  | { kind: 'link'; peerId: PeerId; name: string; open: boolean }
  | { kind: 'frame'; from: PeerId; frame: ArrayBuffer }
  | { kind: 'message'; from: PeerId; message: PipelineMessage }
  /** Answered as soon as the worker comes to it. */
  | { kind: 'echo' };

export type ToLinks =
  | { kind: 'frame'; to: PeerId; frame: ArrayBuffer }
  | { kind: 'message'; to: PeerId; message: PipelineMessage }
  | { kind: 'echo' };
