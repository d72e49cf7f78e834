import { AppError, type ErrorCode, type ErrorReport } from '../shared/errors.ts';
import { seedOf } from '../shared/protocol/room-seed.ts';
import { type Joined, KNOCK_TIMEOUT_MS, PROTOCOL_VERSION } from '../shared/protocol/signaling.ts';
import { JoinGate } from './join-gate.ts';
import { recallKey } from './kept-keys.ts';
import { randomHex } from './random-hex.ts';
import type { RoomPhase } from './room-view.ts';
import type { SignalingClient } from './signaling-client.ts';
import type { ViewStore } from './view-store.ts';

export type Signaling = Pick<SignalingClient, 'request' | 'on' | 'onConnection' | 'reconnect' | 'close'>;

export interface MembershipOptions {
  code: string;
  name: string;
  chats: boolean;
  /** Of the room's link; null for whoever typed the code. */
  joinKey: string | null;
  signaling: Signaling;
  view: ViewStore;
  /** This tab is in the room: back in its own place, or anew with another id and nothing of what was before. */
  onJoined(joined: Joined, isBack: boolean): void;
  /** The server is out of reach, for a while or for longer. */
  onLost(): void;
  /** It is not, and will not be. */
  onRefused(error: ErrorReport): void;
}

/** The server says by itself that nobody let this tab in. */
const JOIN_TIMEOUT_MS = KNOCK_TIMEOUT_MS + 10_000;
/** Whoever comes with a key is answered sooner; one whose link was renewed meanwhile has to ask. */
const ASKING_AFTER_MS = 2000;
const UNTOLD_PHASES: RoomPhase[] = ['connecting', 'reconnecting'];
const PASSPHRASE_CODES: ErrorCode[] = ['passphrase-needed', 'passphrase-wrong'];
/** Refusals of a busy server that end no tab that was in its room: its links and answers go on, and it asks again. */
const PASSING_CODES: ErrorCode[] = ['rate-limited', 'server-full', 'too-many-tries', 'internal'];
const RETRY_AFTER_MS = 3000;
/** A server that was away may learn of the room from another tab first: what this one knows may be from before a new link. */
const NOT_FOUND_RETRIES = 7;
/** Ten minutes: by then an address that had used up its tries has all of them again. */
const MAX_RETRIES = 200;

/**
 * How this tab comes into its room, and comes back when the connection or the server was away. Until then it keeps all that it
 * has: its links to the others may be as good as ever.
 */
export class Membership {
  /** What the server says of the room waits here until this tab has taken in that it is in it. */
  readonly gate = new JoinGate();
  private readonly options: MembershipOptions;
  private readonly tabKey = randomHex(16);
  private passphrase: string | null = null;
  /** Counts up; an answer to an earlier try is nobody's any more. */
  private tries = 0;
  /** Refusals in a row that may pass. */
  private passing = 0;

  constructor(options: MembershipOptions) {
    this.options = options;
    const { signaling } = options;
    signaling.onConnection((connected) => (connected ? this.enter() : this.lost()));
    signaling.on('dropped', ({ error }) => this.dropped(error));
  }

  givePassphrase(passphrase: string): void {
    this.passphrase = passphrase;
    this.options.view.update({ error: null });
    void this.enter();
  }

  /** Nothing that is still under way counts any more. */
  end(): void {
    this.tries += 1;
    this.gate.close();
  }

  private async enter(): Promise<void> {
    const { view, onJoined } = this.options;
    this.tries += 1;
    const mine = this.tries;
    const { selfId } = view.current;
    try {
      const joined = await (selfId === null ? this.join() : this.resume(selfId));
      if (mine !== this.tries) return;
      this.passing = 0;
      onJoined(joined, joined.peerId === selfId);
      this.gate.open();
    } catch (thrown) {
      if (mine === this.tries) this.refused(AppError.from(thrown));
    }
  }

  private join(): Promise<Joined> {
    const { code, signaling } = this.options;
    const joinKey = this.options.joinKey ?? recallKey('join', code);
    const { hostKey } = this.identity();
    if (hostKey === null && joinKey === null) this.asking();
    else this.askingSoon();
    return signaling.request('room:join', { ...this.identity(), joinKey }, JOIN_TIMEOUT_MS);
  }

  private asking(): void {
    this.options.view.update({ phase: 'asking', error: null });
  }

  private askingSoon(): void {
    const mine = this.tries;
    setTimeout(() => {
      if (mine === this.tries && UNTOLD_PHASES.includes(this.options.view.current.phase)) this.asking();
    }, ASKING_AFTER_MS);
  }

  private resume(peerId: number): Promise<Joined> {
    const { signaling, view } = this.options;
    const room = view.current.room!;
    const known = { joinKey: room.joinKey, peerId, room: seedOf(room) };
    // Its place may be gone, and the link renewed: then a host is asked here too.
    this.askingSoon();
    return signaling.request('room:resume', { ...this.identity(), ...known }, JOIN_TIMEOUT_MS);
  }

  private identity() {
    const { code, name, chats, view } = this.options;
    const { donates } = view.current.self;
    const { tabKey, passphrase } = this;
    return {
      version: PROTOCOL_VERSION,
      code,
      hostKey: recallKey('host', code),
      passphrase,
      tabKey,
      name,
      donates,
      chats,
    } as const;
  }

  private lost(): void {
    const { view } = this.options;
    const { phase, selfId } = view.current;
    this.tries += 1;
    this.gate.close();
    if (phase === 'joined' || phase === 'asking') view.update({ phase: selfId === null ? 'connecting' : 'reconnecting' });
    this.options.onLost();
  }

  private dropped(error: ErrorReport): void {
    this.lost();
    // The server gave this tab up for asleep. It is awake, or it would not hear of it.
    if (error.code === 'dropped') void this.enter();
    else this.options.onRefused(error);
  }

  private refused(error: AppError): void {
    const { signaling, view, onRefused } = this.options;
    // Cut off: with the next connection this tab tries again.
    if (error.code === 'server-unreachable') signaling.reconnect();
    else if (PASSPHRASE_CODES.includes(error.code)) view.update({ phase: 'passphrase', error: error.toReport() });
    else if (this.mayPass(error.code)) this.retryLater();
    else onRefused(error.toReport());
  }

  private mayPass(code: ErrorCode): boolean {
    if (this.options.view.current.selfId === null) return false;
    if (code === 'room-not-found') return this.passing < NOT_FOUND_RETRIES;
    return PASSING_CODES.includes(code) && this.passing < MAX_RETRIES;
  }

  private retryLater(): void {
    this.passing += 1;
    // Nobody is asked for anything meanwhile.
    this.options.view.update({ phase: 'reconnecting' });
    const mine = this.tries;
    setTimeout(() => {
      if (mine === this.tries) void this.enter();
    }, RETRY_AFTER_MS);
  }
}
