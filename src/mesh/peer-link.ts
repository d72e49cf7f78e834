import SimplePeer from 'simple-peer';
import * as v from 'valibot';
import { AppError } from '../shared/errors.ts';
import { type IceServers, type SignalData, SignalDataSchema } from '../shared/protocol/signaling.ts';
import { BulkChannel } from './bulk-channel.ts';
import { Reassembler } from './fragments.ts';
import { controlBytes, Outbox } from './outbox.ts';

/** Both sides open this channel by agreement; simple-peer's own takes a small id and carries nothing of ours. */
const CHANNEL_NAME = 'edgeshard';
const CHANNEL_ID = 16;
/** What may wait goes over a second one. */
const BULK_CHANNEL_NAME = 'edgeshard-bulk';
const BULK_CHANNEL_ID = 17;

export interface PeerLinkEvents {
  /** A WebRTC signal for the other side. */
  onSignal(data: SignalData): void;
  onOpen(): void;
  /** A whole control text or a whole frame; the buffer is the receiver's to keep or transfer. */
  onMessage(data: ArrayBuffer | string): void;
  /** A whole bulk message, to keep or transfer. See `BulkConsumer`. */
  onBulk(data: ArrayBuffer): void | Promise<void>;
  /** Anything arrived, be it a fragment of a frame. */
  onActivity(): void;
  /** The link is over, and not because this side called `close`. Comes once, and nothing comes after it. */
  onClosed(reason: AppError): void;
}

export interface PeerLinkOptions {
  initiator: boolean;
  /** Always explicit, as simple-peer's default names public servers; [] for none. */
  iceServers: IceServers;
  events: PeerLinkEvents;
}

/** What the mesh needs of a link, so that its decisions can be tested without WebRTC. */
export interface Link {
  signal(data: SignalData): void;
  send(data: ArrayBuffer | string): void;
  sendBulk(data: ArrayBuffer): Promise<void>;
  close(): void;
  readonly queuedBytes: number;
}

/** One WebRTC connection to another tab, the ordered, reliable channel for activations on it, and one for bulk. */
export class PeerLink implements Link {
  private readonly events: PeerLinkEvents;
  private readonly peer: SimplePeer.Instance;
  /** Undefined where the browser refused to make a connection at all; simple-peer reports that as its error. */
  private readonly connection: RTCPeerConnection | undefined;
  private readonly reassembler = new Reassembler();
  private channel: RTCDataChannel | null = null;
  private outbox: Outbox | null = null;
  private bulk: BulkChannel | null = null;
  private closed = false;

  constructor({ initiator, iceServers, events }: PeerLinkOptions) {
    this.events = events;
    this.peer = new SimplePeer({ initiator, trickle: true, config: { iceServers: iceServers.map(toRtcIceServer) } });
    this.connection = connectionOf(this.peer);
    this.peer.on('signal', (data) => this.emitSignal(data));
    this.peer.on('error', (error) => this.fail(new AppError('peer-lost', `the connection failed: ${error.message}`)));
    this.peer.on('close', () => this.fail(new AppError('peer-lost', 'the other device closed the connection')));
    // Nothing is sent on simple-peer's own channel: what comes there all the same must not pile up unread.
    this.peer.resume();
    if (this.connection) this.openChannels(this.connection);
  }

  /** Bytes of the messages that still wait for the channel. */
  get queuedBytes(): number {
    return this.outbox?.queuedBytes ?? 0;
  }

  /** Takes a signal from the other side. One that the browser refuses ends the link. */
  signal(data: SignalData): void {
    if (this.closed) return;
    try {
      this.peer.signal(data as SimplePeer.SignalData);
    } catch (error) {
      this.fail(new AppError('bad-message', `the other device sent an unusable signal: ${AppError.from(error).message}`));
    }
  }

  /**
   * Sends a control text or a frame, in the order of the calls. A frame must not be changed or transferred afterwards.
   * @throws AppError `peer-lost` if the link is not open, `frame-too-large`, `link-congested`
   */
  send(data: ArrayBuffer | string): void {
    if (this.closed || this.channel?.readyState !== 'open')
      throw new AppError('peer-lost', 'there is no open link to this device');
    this.outbox!.push(data);
    this.pump();
  }

  /**
   * Sends a message that may wait: it never holds up what `send` is given. Leave it alone until the promise is settled.
   * Resolves when all of it is handed to the channel.
   * @throws AppError `peer-lost` if the link is not open or breaks meanwhile, `frame-too-large`, `frame-malformed` for no bytes,
   * `link-congested` if too much waits: wait for what you have given
   */
  async sendBulk(data: ArrayBuffer): Promise<void> {
    if (this.closed || !this.bulk || this.channel?.readyState !== 'open')
      throw new AppError('peer-lost', 'there is no open link to this device');
    await this.bulk.send(data);
  }

  /** Closes at once, within the call: the other side sees it in milliseconds, also while this page is being unloaded. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.bulk?.close(new AppError('peer-lost', 'the link to this device was closed'));
    this.connection?.close();
    this.peer.destroy();
  }

  private openChannels(connection: RTCPeerConnection): void {
    const channel = connection.createDataChannel(CHANNEL_NAME, { negotiated: true, id: CHANNEL_ID });
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => this.closed || this.events.onOpen();
    channel.onmessage = (event) => this.receive(event.data);
    channel.onclose = () => this.fail(new AppError('peer-lost', 'the other device closed the connection'));
    channel.onbufferedamountlow = () => this.closed || this.pump();
    this.channel = channel;
    this.outbox = new Outbox(channel);
    const bulk = connection.createDataChannel(BULK_CHANNEL_NAME, { negotiated: true, id: BULK_CHANNEL_ID });
    this.bulk = new BulkChannel(bulk, {
      onActivity: () => this.closed || this.events.onActivity(),
      onMessage: (data) => (this.closed ? undefined : this.events.onBulk(data)),
      onFailed: (reason) => this.fail(reason),
    });
  }

  private emitSignal(data: unknown): void {
    const signal = v.safeParse(SignalDataSchema, data);
    if (!this.closed && signal.success) this.events.onSignal(signal.output);
  }

  private pump(): void {
    try {
      this.outbox!.pump();
    } catch (error) {
      this.fail(new AppError('peer-lost', `the connection broke while sending: ${AppError.from(error).message}`));
    }
  }

  private receive(data: unknown): void {
    if (this.closed) return;
    this.events.onActivity();
    let message: ArrayBuffer | string | null;
    try {
      message = this.accept(data);
    } catch (error) {
      this.fail(AppError.from(error));
      return;
    }
    if (message !== null) this.events.onMessage(message);
  }

  /** Checks what came in; null while a frame is not whole. */
  private accept(data: unknown): ArrayBuffer | string | null {
    if (data instanceof ArrayBuffer) return this.reassembler.push(data);
    if (typeof data !== 'string') throw new AppError('frame-malformed', 'a message is neither text nor bytes');
    if (this.reassembler.midFrame) throw new AppError('frame-malformed', 'a text came before the frame in front of it was whole');
    controlBytes(data);
    return data;
  }

  private fail(reason: AppError): void {
    if (this.closed) return;
    this.close();
    this.events.onClosed(reason);
  }
}

/** simple-peer offers no further channels and no immediate close; its connection does both and it keeps it in `_pc`. */
function connectionOf(peer: SimplePeer.Instance): RTCPeerConnection | undefined {
  return (peer as unknown as { _pc?: RTCPeerConnection })._pc;
}

function toRtcIceServer({ urls, username, credential }: IceServers[number]): RTCIceServer {
  return { urls, ...(username === undefined ? {} : { username }), ...(credential === undefined ? {} : { credential }) };
}
