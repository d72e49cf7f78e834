import type { Source } from '../chat/chat-source.ts';
import { Donation } from '../donor/donation.ts';
import { AwakeClock } from '../pipeline/awake-clock.ts';
import { PlanBook } from '../pipeline/plan-book.ts';
import { AppError } from '../shared/errors.ts';
import type { DeviceMessage } from '../shared/model/device-message.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import { DEFAULT_SETTINGS, effectiveContext } from '../shared/model/room-settings.ts';
import type { Frame } from '../shared/protocol/frame.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import { httpSources } from '../weights/http-sources.ts';
import { OpenModel } from '../weights/open-model.ts';
import type { ModelSettings, RoomMessage, WorkerSetup } from './messages.ts';
import type { WorkerTransport } from './worker-transport.ts';

export interface ModelWorkOptions {
  setup: WorkerSetup;
  settings: ModelSettings;
  transport: WorkerTransport;
  /** What the owner lends, bytes. */
  lendBytes(): number;
  /** Settles when it is known how much other tabs of this browser leave of that. */
  lendable(): Promise<void>;
  post(message: DeviceMessage | RoomMessage): void;
}

/** What this tab does with one model: opens it, and brings what comes to its chat's side and to its device's. */
export class ModelWork {
  readonly modelUrl: string;
  private readonly options: ModelWorkOptions;
  private readonly abort = new AbortController();
  /** Rejects when this work is closed, and never resolves. */
  private readonly closed: Promise<never>;
  private rejectClosed: (error: AppError) => void = () => {};
  private readonly plans = new PlanBook();
  private readonly awake = new AwakeClock();
  private readonly opened: Promise<OpenModel>;
  /** Null when this tab does not chat. */
  private readonly opening: Promise<Source> | null;
  private source: Source | null = null;
  readonly donation: Donation;
  private plan: Plan | null = null;
  /** There is none, and the room says that none can be made. */
  private isHopeless = false;

  constructor(options: ModelWorkOptions) {
    this.options = options;
    this.modelUrl = options.settings.modelUrl;
    this.closed = new Promise((_, reject) => {
      this.rejectClosed = reject;
    });
    this.closed.catch(() => undefined);
    const { signal } = this.abort;
    this.opened = OpenModel.open(this.modelUrl, httpSources(options.setup.label, signal), signal);
    this.opened.then(
      ({ spec }) => options.post({ kind: 'model-opened', modelUrl: this.modelUrl, spec }),
      (thrown) => this.modelFailed(thrown),
    );
    const { setup, transport, post, lendBytes, lendable } = options;
    const { plans, awake } = this;
    this.donation = new Donation({
      modelUrl: this.modelUrl,
      model: this.opened,
      contextOf: (model) => this.contextOf(model),
      choice: setup.engine,
      lendBytes,
      lendable,
      transport,
      plans,
      awake,
      signal,
      post,
      onRefused: (from) => post({ kind: 'refused', from }),
    });
    this.opening = setup.chats ? this.openSource() : null;
    this.opening?.catch((thrown) => this.modelFailed(thrown));
  }

  prepare(plan: Plan): void {
    this.plans.remember(plan);
    this.donation.prepare(plan);
  }

  activate(plan: Plan): void {
    this.plans.remember(plan);
    this.donation.activate(plan);
    if (plan.modelUrl !== this.modelUrl) return;
    this.plan = plan;
    this.isHopeless = false;
    if (this.source) this.source.coordinator.setPlan(plan);
    // Nothing of a source that is not there yet needs an earlier plan.
    else if (this.opening) this.options.post({ kind: 'moved', epoch: plan.epoch });
  }

  noPlan(isHopeless: boolean): void {
    this.plan = null;
    this.isHopeless = isHopeless;
    this.source?.coordinator.setPlan(null, isHopeless);
    this.donation.noPlan();
  }

  retire(epoch: number): void {
    this.donation.host?.retire(epoch);
  }

  peerLost(peerId: PeerId, name: string): void {
    this.source?.coordinator.peerLost(peerId, name);
    this.donation.host?.peerLost(peerId);
  }

  linkOpened(): void {
    this.source?.coordinator.linkOpened();
  }

  receiveFrame(from: PeerId, frame: Frame): void {
    if (frame.kind === 'reply') this.source?.coordinator.handleReply(from, frame);
    else this.donation.receive(from, frame);
  }

  receiveMessage(from: PeerId, message: PipelineMessage): void {
    switch (message.kind) {
      case 'free':
        this.donation.host?.free(from, message.sequence);
        break;
      case 'trace':
        this.donation.host?.trace(from, message.epoch, message.request);
        break;
      case 'traced':
        this.source?.coordinator.handleTraced(from, message);
        break;
      case 'stage-error':
        this.source?.coordinator.handleStageError(from, message.request, AppError.fromReport(message.error));
        break;
    }
  }

  tick(nowMs: number): void {
    this.awake.tick(nowMs);
    this.source?.coordinator.tick();
    this.donation.tick();
  }

  /** The chat side. @throws AppError of the model when it could not be opened */
  async chat(): Promise<Source['chat']> {
    if (!this.opening) throw new AppError('internal', 'this tab does not chat');
    return (await Promise.race([this.opening, this.closed])).chat;
  }

  /** Ends all that goes on, answers in progress with this error. */
  close(error: AppError): void {
    this.abort.abort();
    this.rejectClosed(error);
    this.source?.coordinator.end(error);
    this.source?.close();
    this.donation.close();
  }

  private async openSource(): Promise<Source> {
    const { transport, post, settings } = this.options;
    // Donors load no code of chats.
    const [model, { openChatSource }] = await Promise.all([this.opened, import('../chat/chat-source.ts')]);
    const source = await openChatSource({
      model,
      contextLength: this.contextOf(model),
      own: { sourceLayers: settings.sourceLayers, head: settings.headOnSource },
      transport,
      awake: this.awake,
      signal: this.abort.signal,
      onMoved: (epoch) => post({ kind: 'moved', epoch }),
      onHung: (epoch, peerId) => post({ kind: 'hung', epoch, peerId }),
      onRefused: (from) => post({ kind: 'refused', from }),
    });
    if (this.abort.signal.aborted) {
      source.close();
      throw new AppError('stopped', 'the room has another model now');
    }
    this.source = source;
    source.coordinator.setPlan(this.plan, this.isHopeless);
    return source;
  }

  private contextOf({ spec }: OpenModel): number {
    return effectiveContext({ ...DEFAULT_SETTINGS, contextLength: this.options.settings.contextLength }, spec.contextLength);
  }

  private modelFailed(thrown: unknown): void {
    if (this.abort.signal.aborted) return;
    this.options.post({ kind: 'model-failed', modelUrl: this.modelUrl, error: AppError.from(thrown).toReport() });
  }
}
