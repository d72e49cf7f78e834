import type { Source } from '../chat/source.ts';
import { chooseDeviceEngine, type DeviceEngine, measureAgain } from '../donor/choose-device-engine.ts';
import { Donor } from '../donor/donor.ts';
import type { EngineProfile } from '../engine/device-profile.ts';
import { usableBytes } from '../engine/lend-default.ts';
import { AwakeClock } from '../pipeline/awake-clock.ts';
import { PlanBook } from '../pipeline/plan-book.ts';
import { isOwn, maySendRows } from '../pipeline/senders.ts';
import { stageOf } from '../pipeline/state.ts';
import { AppError } from '../shared/errors.ts';
import type { DeviceMessage } from '../shared/model/device-message.ts';
import type { ProfileOrigin } from '../shared/model/device-profile.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import { DEFAULT_SETTINGS, effectiveContext } from '../shared/model/room-settings.ts';
import type { ForwardFrame, Frame } from '../shared/protocol/frame.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import { httpSources } from '../weights/http-sources.ts';
import { OpenModel } from '../weights/open-model.ts';
import type { ModelSettings, RoomMessage, WorkerSetup } from './messages.ts';
import type { WorkerTransport } from './worker-transport.ts';

/** Idle for so long, a tab has got over its start, ms. */
const CALM_MS = 4000;

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

/** Everything this tab does with one model: reading its header, being a source, being a donor. */
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
  private donor: Donor | null = null;
  private device: DeviceEngine | null = null;
  private plan: Plan | null = null;
  /** There is none, and the room says that none can be made. */
  private isHopeless = false;
  /** The newest plan that this device was told to load. */
  private preparing: Plan | null = null;
  private offered = false;
  private starting = false;
  private measuredCalm = false;

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
    this.opening = options.setup.chats ? this.openSource() : null;
    this.opening?.catch((thrown) => this.modelFailed(thrown));
  }

  /** Measures this device and offers it to the room. */
  async startDonating(): Promise<void> {
    const { post, setup, transport } = this.options;
    this.offered = true;
    if (this.donor) return this.tellLent();
    if (this.starting) return;
    this.starting = true;
    try {
      const model = await this.opened;
      if (this.abort.signal.aborted) return;
      post({ kind: 'measuring' });
      await this.options.lendable();
      const device = this.device ?? (await chooseDeviceEngine(setup.engine, model));
      const contextLength = this.contextOf(model);
      const onLost = (error: AppError) => this.deviceLost(error);
      const onHung = (epoch: number, error: AppError) => this.stageHung(epoch, error);
      const onCameBack = () => this.tellRoom(this.device!.profile, 'measured');
      const onServedSpeed = (profile: EngineProfile) => this.tellRoom(profile, 'served');
      const onRefused = (from: PeerId) => post({ kind: 'refused', from });
      const { plans, awake } = this;
      const shared = { model, device, contextLength, transport, plans, awake, post };
      const donor = await Donor.start({ ...shared, onLost, onHung, onCameBack, onServedSpeed, onRefused });
      if (this.abort.signal.aborted || !this.offered) return donor.destroy();
      this.device = device;
      this.donor = donor;
      this.tellRoom(device.profile, 'measured');
      void donor.tellStored();
      if (this.preparing) void donor.prepare(this.preparing);
    } catch (thrown) {
      if (this.abort.signal.aborted) return;
      post({ kind: 'device-failed', error: AppError.from(thrown).toReport() });
      this.prepareFailed(AppError.from(thrown));
    } finally {
      this.starting = false;
    }
  }

  /** The room makes a plan without this device; until that one is active, it goes on serving its part. */
  stopOffering(): void {
    this.offered = false;
    if (!this.plan) this.dropDonor();
  }

  /** Tells the room what its owner lends now. */
  tellLent(): void {
    if (this.device && this.donor) this.tellRoom(this.device.profile, 'unchanged');
  }

  prepare(plan: Plan): void {
    this.plans.remember(plan);
    this.preparing = plan;
    if (plan.modelUrl !== this.modelUrl) {
      this.prepareFailed(new AppError('stage-failed', `this device has ${this.modelUrl} open, the plan is for ${plan.modelUrl}`));
    } else if (this.donor) void this.donor.prepare(plan);
    // A device that is just starting prepares as soon as it has an engine.
    else if (!this.starting) this.prepareFailed(new AppError('stage-failed', 'this device does not lend its layers any more'));
  }

  activate(plan: Plan): void {
    this.plans.remember(plan);
    if (plan.epoch === this.preparing?.epoch) this.preparing = null;
    if (plan.modelUrl !== this.modelUrl) return;
    this.plan = plan;
    this.isHopeless = false;
    this.donor?.activate(plan.epoch);
    if (this.source) this.source.coordinator.setPlan(plan);
    // Nothing of a source that is not there yet needs an earlier plan.
    else if (this.opening) this.options.post({ kind: 'moved', epoch: plan.epoch });
  }

  noPlan(isHopeless: boolean): void {
    this.plan = null;
    this.isHopeless = isHopeless;
    this.donor?.host.noPlan();
    this.source?.coordinator.setPlan(null, isHopeless);
    if (!this.offered) this.dropDonor();
  }

  retire(epoch: number): void {
    this.donor?.host.retire(epoch);
  }

  peerLost(peerId: PeerId, name: string): void {
    this.source?.coordinator.peerLost(peerId, name);
    this.donor?.host.peerLost(peerId);
  }

  linkOpened(): void {
    this.source?.coordinator.linkOpened();
  }

  receiveFrame(from: PeerId, frame: Frame): void {
    if (frame.kind === 'reply') this.source?.coordinator.handleReply(from, frame);
    else if (this.donor) this.donor.host.receive(from, frame);
    else this.refuse(from, frame);
  }

  receiveMessage(from: PeerId, message: PipelineMessage): void {
    switch (message.kind) {
      case 'free':
        this.donor?.host.free(from, message.sequence);
        break;
      case 'trace':
        this.donor?.host.trace(from, message.epoch, message.request);
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
    this.donor?.host.tick();
    void this.measureWhenCalm();
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
    this.dropDonor();
  }

  private async openSource(): Promise<Source> {
    const { transport, post, settings } = this.options;
    // Donors load no code of chats.
    const [model, { openChatSource }] = await Promise.all([this.opened, import('../chat/source.ts')]);
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

  /** The room plans without this device for as long as it is held up. */
  private stageHung(epoch: number, error: AppError): void {
    this.options.post({ kind: 'prepare-failed', epoch: this.plan?.epoch ?? epoch, error: error.toReport() });
  }

  /** A browser may take the GPU away at any time: start anew, and let the room plan with what is there then. */
  private deviceLost(error: AppError): void {
    const { post } = this.options;
    post({ kind: 'device-failed', error: error.toReport() });
    // A load in progress ends in silence, like any that a newer plan makes pointless: the room hears of both plans here.
    if (this.plan) post({ kind: 'prepare-failed', epoch: this.plan.epoch, error: error.toReport() });
    this.prepareFailed(error);
    this.dropDonor();
    void this.startDonating();
  }

  /**
   * A tab that has just opened shares its processor with its own start. Once it has been idle for a while it measures
   * again, and tells the room.
   */
  private async measureWhenCalm(): Promise<void> {
    const { device, donor } = this;
    if (this.measuredCalm || !device || !donor || donor.idleMs < CALM_MS) return;
    this.measuredCalm = true;
    // What was measured while a forward ran beside it tells nothing.
    const isCalm = () => this.donor === donor && donor.idleMs >= CALM_MS;
    const calm = await measureAgain(device, await this.opened, isCalm).catch(() => null);
    if (!calm || !isCalm()) return;
    this.device = { ...device, profile: calm };
    donor.measuredAnew(calm);
    this.tellRoom(calm, 'measured');
  }

  private tellRoom(measured: EngineProfile, origin: ProfileOrigin): void {
    if (!this.device) return;
    const profile = { ...measured, lendBytes: usableBytes(measured.engine, this.options.lendBytes()) };
    this.options.post({ kind: 'profile', profile, origin, engineNote: this.device.why });
  }

  /** The room waits for this device's part of a plan in preparation, if it has one: it must not wait in vain. */
  private prepareFailed(error: AppError): void {
    const plan = this.preparing;
    this.preparing = null;
    if (!plan || !stageOf(plan, this.options.setup.selfId)) return;
    this.options.post({ kind: 'prepare-failed', epoch: plan.epoch, error: error.toReport() });
  }

  private dropDonor(): void {
    this.donor?.destroy();
    this.donor = null;
  }

  /** Without a stage this device can run nothing; whoever may send it rows is told, whoever may not is not answered. */
  private refuse(from: PeerId, frame: ForwardFrame): void {
    const { transport, post } = this.options;
    const plan = this.plans.get(frame.epoch);
    if (plan ? !maySendRows(plan, transport.selfId, from, frame) : !isOwn(from, frame)) {
      post({ kind: 'refused', from });
      return;
    }
    const error = { code: 'epoch-unknown' as const, message: 'this device holds no layers at the moment' };
    for (const { source, request } of frame.runs) {
      if (transport.isOpen(source)) transport.sendMessage(source, { kind: 'stage-error', epoch: frame.epoch, request, error });
    }
  }

  private modelFailed(thrown: unknown): void {
    if (this.abort.signal.aborted) return;
    this.options.post({ kind: 'model-failed', modelUrl: this.modelUrl, error: AppError.from(thrown).toReport() });
  }
}
