import type { Finished } from '../chat/chat-session.ts';
import { Allowance } from '../donor/allowance.ts';
import { defaultLendBytes } from '../donor/lend-default.ts';
import { unlessAborted } from '../pipeline/abort.ts';
import { AppError } from '../shared/errors.ts';
import type { GenerateSettings, Prompt } from '../shared/model/generation.ts';
import type { FromWorker, ModelSettings, ToWorker, WorkerSetup } from './messages.ts';
import { ModelWork } from './model-work.ts';
import { WorkerTransport } from './worker-transport.ts';

type Post = (message: FromWorker, transfer?: Transferable[]) => void;

/** The worker's side of one tab in one room: takes the page's messages in order and answers through `post`. */
export class PipelineSession {
  private readonly post: Post;
  private readonly answers = new Map<number, AbortController>();
  private setup: WorkerSetup | null = null;
  private transport: WorkerTransport | null = null;
  private work: ModelWork | null = null;
  private donates = false;
  private readonly allowance = new Allowance(() => this.work?.donation.tellLent());

  constructor(post: Post) {
    this.post = post;
  }

  tick(nowMs: number): void {
    this.work?.tick(nowMs);
  }

  handle(message: ToWorker): void {
    switch (message.kind) {
      case 'setup':
        this.start(message.setup, message.links);
        break;
      case 'model':
        this.openModel(message.settings);
        break;
      case 'donates':
        this.setDonates(message.donates);
        break;
      case 'lend':
        this.allowance.wish(message.lendBytes);
        this.work?.donation.tellLent();
        break;
      case 'generate':
        void this.generate(message.id, message.prompt, message.settings);
        break;
      case 'stop':
        this.answers.get(message.id)?.abort();
        break;
      case 'forget':
        this.work?.chat().then(
          (chat) => chat.forget(),
          () => undefined,
        );
        break;
      default:
        this.handleRoom(message);
    }
  }

  /** What comes from the server. */
  private handleRoom(message: RoomInput): void {
    switch (message.kind) {
      case 'prepare':
        this.work?.prepare(message.plan);
        break;
      case 'activate':
        this.work?.activate(message.plan);
        break;
      case 'no-plan':
        this.work?.noPlan(message.isHopeless);
        break;
      case 'retire':
        this.work?.retire(message.epoch);
        break;
    }
  }

  private start(setup: WorkerSetup, links: MessagePort): void {
    this.work?.close(new AppError('dropped', 'this tab was away for too long and has joined its room anew'));
    this.work = null;
    this.setup = setup;
    this.donates = setup.donates;
    this.allowance.wish(setup.lendBytes, defaultLendBytes(setup.hints));
    this.transport?.close();
    this.transport = new WorkerTransport(setup.selfId, links, {
      receiveFrame: (from, frame) => this.work?.receiveFrame(from, frame),
      receiveMessage: (from, message) => this.work?.receiveMessage(from, message),
      receiveBadFrame: () => this.post({ kind: 'bad-frame' }),
      peerLost: (peerId, name) => this.work?.peerLost(peerId, name),
      linkOpened: () => this.work?.linkOpened(),
    });
  }

  private openModel(settings: ModelSettings): void {
    const { setup, transport } = this;
    if (!setup || !transport) return;
    this.work?.close(new AppError('room-changed', 'the host has changed the settings of the room'));
    const lendBytes = () => this.allowance.bytes;
    const lendable = () => this.allowance.take();
    this.work = new ModelWork({ setup, settings, transport, lendBytes, lendable, post: this.post });
    if (this.donates) void this.work.donation.start();
  }

  private setDonates(donates: boolean): void {
    this.donates = donates;
    if (donates) {
      void this.allowance.take();
      void this.work?.donation.start();
    } else {
      this.work?.donation.stop();
      this.allowance.giveBack();
    }
  }

  private async generate(id: number, prompt: Prompt, settings: GenerateSettings): Promise<void> {
    const abort = new AbortController();
    this.answers.set(id, abort);
    try {
      this.post({ kind: 'finished', id, ...(await this.answer(id, prompt, settings, abort.signal)) });
    } catch (thrown) {
      const error = AppError.from(thrown);
      if (error.code === 'stopped') this.post({ kind: 'finished', id, ...STOPPED });
      else this.post({ kind: 'generate-failed', id, error: error.toReport() });
    } finally {
      this.answers.delete(id);
    }
  }

  private async answer(id: number, prompt: Prompt, settings: GenerateSettings, signal: AbortSignal): Promise<Finished> {
    if (!this.work) throw new AppError('not-joined', 'this tab is not in a room yet');
    const chat = await unlessAborted(this.work.chat(), signal);
    return chat.generate(prompt, settings, {
      signal,
      onText: (text, tokenIds, logprobs) => this.post({ kind: 'generated', id, text, tokenIds, logprobs }),
      onInterrupted: (error) => this.post({ kind: 'interrupted', id, error: error.toReport() }),
    });
  }
}

/** An answer that was stopped before its prompt was read. */
const STOPPED: Finished = {
  reason: 'abort',
  usage: { promptIds: [], completionTokens: 0, timeToFirstTokenMs: 0, decodeMs: 0 },
};

type RoomInput = Extract<ToWorker, { kind: 'prepare' | 'activate' | 'no-plan' | 'retire' }>;
