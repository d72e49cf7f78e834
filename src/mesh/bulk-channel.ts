import { AppError } from '../shared/errors.ts';
import { decodeBulk, encodeBulkGrant } from '../shared/protocol/bulk.ts';
import { type BulkConsumer, BulkReceiver } from './bulk-receiver.ts';
import { BulkSender } from './bulk-sender.ts';

export interface BulkChannelEvents {
  onActivity(): void;
  onMessage: BulkConsumer;
  /** The other side breaks the rules of the channel, or the channel is broken. */
  onFailed(reason: AppError): void;
}

/** Messages both ways over the second data channel of a link. */
export class BulkChannel {
  private readonly channel: RTCDataChannel;
  private readonly events: BulkChannelEvents;
  private readonly sender: BulkSender;
  private readonly receiver: BulkReceiver;

  constructor(channel: RTCDataChannel, events: BulkChannelEvents) {
    this.channel = channel;
    this.events = events;
    this.sender = new BulkSender((fragment) => channel.send(fragment));
    this.receiver = new BulkReceiver(events.onMessage, (bytes) => this.guard(() => this.grant(bytes)));
    channel.binaryType = 'arraybuffer';
    channel.onopen = () => this.pump();
    channel.onclose = () => events.onFailed(new AppError('peer-lost', 'the other device closed the connection'));
    channel.onmessage = ({ data }) => this.guard(() => this.receive(data));
  }

  /** What is given before the channel is open waits for it. @throws AppError as `BulkSender.push` */
  send(data: ArrayBuffer): Promise<void> {
    const sent = this.sender.push(data);
    this.pump();
    return sent;
  }

  close(reason: AppError): void {
    this.sender.close(reason);
  }

  private receive(data: unknown): void {
    this.events.onActivity();
    if (!(data instanceof ArrayBuffer)) throw new AppError('frame-malformed', 'a bulk message is no bytes');
    const item = decodeBulk(data);
    if (item.kind === 'fragment') {
      this.receiver.push(item);
      return;
    }
    this.sender.grant(item.bytes);
    this.sender.pump();
  }

  private grant(bytes: number): void {
    if (this.channel.readyState === 'open') this.channel.send(encodeBulkGrant(bytes));
  }

  private pump(): void {
    if (this.channel.readyState === 'open') this.guard(() => this.sender.pump());
  }

  private guard(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.events.onFailed(thrown instanceof AppError ? thrown : new AppError('peer-lost', `the connection broke: ${thrown}`));
    }
  }
}
