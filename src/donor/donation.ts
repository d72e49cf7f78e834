import type { EngineProfile } from '../engine/device-profile.ts';
import type { AwakeClock } from '../pipeline/awake-clock.ts';
import type { PlanBook } from '../pipeline/plan-book.ts';
import { isOwn, maySendRows } from '../pipeline/senders.ts';
import { stageOf } from '../pipeline/served-plans.ts';
import type { StageHost } from '../pipeline/stage-host.ts';
import type { Transport } from '../pipeline/transport.ts';
import { AppError } from '../shared/errors.ts';
import type { DeviceMessage, StageOutcome } from '../shared/model/device-message.ts';
import type { EngineChoice, ProfileOrigin } from '../shared/model/device-profile.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan } from '../shared/model/plan.ts';
import type { ForwardFrame } from '../shared/protocol/frame.ts';
import type { OpenModel } from '../weights/open-model.ts';
import { chooseDeviceEngine, type DeviceEngine, measureAgain } from './choose-device-engine.ts';
import { Donor } from './donor.ts';
import { usableBytes } from './lend-default.ts';

/** Idle for so long, a tab has got over its start, ms. */
const CALM_MS = 4000;

export interface DonationOptions {
  modelUrl: string;
  model: Promise<OpenModel>;
  /** Tokens that a sequence of this room may hold. */
  contextOf(model: OpenModel): number;
  choice: EngineChoice;
  /** What the owner lends, bytes. */
  lendBytes(): number;
  /** Settles when it is known how much other tabs of this browser leave of that. */
  lendable(): Promise<void>;
  transport: Transport;
  /** Plans that this tab has heard of. */
  plans: PlanBook;
  awake: AwakeClock;
  /** Aborted when the room has another model. */
  signal: AbortSignal;
  post(message: DeviceMessage | StageOutcome): void;
  /** A device without business here sent a frame. */
  onRefused(from: PeerId): void;
}

/** This device's offer to a room, with one model: measured, a stage host while its engine works, and a new one when that is lost. */
export class Donation {
  private readonly options: DonationOptions;
  private donor: Donor | null = null;
  private device: DeviceEngine | null = null;
  /** The active plan. */
  private plan: Plan | null = null;
  /** The newest plan that this device was told to load. */
  private preparing: Plan | null = null;
  private offered = false;
  private starting = false;
  private measuredCalm = false;

  constructor(options: DonationOptions) {
    this.options = options;
  }

  /** Null while this device serves nothing. */
  get host(): StageHost | null {
    return this.donor?.host ?? null;
  }

  /** Measures this device and offers it to the room. */
  async start(): Promise<void> {
    const { post, choice, transport, plans, awake, signal, onRefused } = this.options;
    this.offered = true;
    if (this.donor) return this.tellLent();
    if (this.starting) return;
    this.starting = true;
    try {
      const model = await this.options.model;
      if (signal.aborted) return;
      post({ kind: 'measuring' });
      await this.options.lendable();
      const device = this.device ?? (await chooseDeviceEngine(choice, model));
      const contextLength = this.options.contextOf(model);
      const onLost = (error: AppError) => this.deviceLost(error);
      const onHung = (epoch: number, error: AppError) => this.stageHung(epoch, error);
      const onCameBack = () => this.tellRoom(this.device!.profile, 'measured');
      const onServedSpeed = (profile: EngineProfile) => this.tellRoom(profile, 'served');
      const shared = { model, device, contextLength, transport, plans, awake, post };
      const donor = await Donor.start({ ...shared, onLost, onHung, onCameBack, onServedSpeed, onRefused });
      if (signal.aborted || !this.offered) return donor.destroy();
      this.device = device;
      this.donor = donor;
      this.tellRoom(device.profile, 'measured');
      void donor.tellStored();
      if (this.preparing) void donor.prepare(this.preparing);
    } catch (thrown) {
      if (signal.aborted) return;
      post({ kind: 'device-failed', error: AppError.from(thrown).toReport() });
      this.prepareFailed(AppError.from(thrown));
    } finally {
      this.starting = false;
    }
  }

  /** The room makes a plan without this device; until that one is active, it goes on serving its part. */
  stop(): void {
    this.offered = false;
    if (!this.plan) this.dropDonor();
  }

  /** Tells the room what its owner lends now. */
  tellLent(): void {
    if (this.device && this.donor) this.tellRoom(this.device.profile, 'unchanged');
  }

  prepare(plan: Plan): void {
    const { modelUrl } = this.options;
    this.preparing = plan;
    if (plan.modelUrl !== modelUrl) {
      this.prepareFailed(new AppError('stage-failed', `this device has ${modelUrl} open, the plan is for ${plan.modelUrl}`));
    } else if (this.donor) void this.donor.prepare(plan);
    // A device that is just starting prepares as soon as it has an engine.
    else if (!this.starting) this.prepareFailed(new AppError('stage-failed', 'this device does not lend its layers any more'));
  }

  activate(plan: Plan): void {
    if (plan.epoch === this.preparing?.epoch) this.preparing = null;
    if (plan.modelUrl !== this.options.modelUrl) return;
    this.plan = plan;
    this.donor?.activate(plan.epoch);
  }

  noPlan(): void {
    this.plan = null;
    this.donor?.host.noPlan();
    if (!this.offered) this.dropDonor();
  }

  receive(from: PeerId, frame: ForwardFrame): void {
    if (this.donor) this.donor.host.receive(from, frame);
    else this.refuse(from, frame);
  }

  tick(): void {
    this.donor?.host.tick();
    void this.measureWhenCalm();
  }

  close(): void {
    this.dropDonor();
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
    void this.start();
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
    const calm = await measureAgain(device, await this.options.model, isCalm).catch(() => null);
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
    if (!plan || !stageOf(plan, this.options.transport.selfId)) return;
    this.options.post({ kind: 'prepare-failed', epoch: plan.epoch, error: error.toReport() });
  }

  private dropDonor(): void {
    this.donor?.destroy();
    this.donor = null;
  }

  /** Without a stage this device can run nothing; whoever may send it rows is told, whoever may not is not answered. */
  private refuse(from: PeerId, frame: ForwardFrame): void {
    const { transport, plans, onRefused } = this.options;
    const plan = plans.get(frame.epoch);
    if (plan ? !maySendRows(plan, transport.selfId, from, frame) : !isOwn(from, frame)) {
      onRefused(from);
      return;
    }
    const error = { code: 'epoch-unknown' as const, message: 'this device holds no layers at the moment' };
    for (const { source, request } of frame.runs) {
      if (transport.isOpen(source)) transport.sendMessage(source, { kind: 'stage-error', epoch: frame.epoch, request, error });
    }
  }
}
