import type { Transport } from '../pipeline/transport.ts';
import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import { decodeFrame, encodeFrame, type Frame } from '../shared/protocol/frame.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import type { FromLinks, ToLinks } from './messages.ts';

/** Where frames, messages and news of the links go. */
export interface LinkReceiver {
  receiveFrame(from: PeerId, frame: Frame): void;
  receiveMessage(from: PeerId, message: PipelineMessage): void;
  /** A device sent what is no frame; it was dropped. */
  receiveBadFrame(error: AppError): void;
  peerLost(peerId: PeerId, name: string): void;
  linkOpened(): void;
}

/**
 * Sends through the page's links, which live on the main thread, over a port of their own; to this device itself without encoding.
 * News of a link come on the same port as its frames: none is seen before its link is open or after it is closed.
 */
export class WorkerTransport implements Transport {
  readonly selfId: PeerId;
  private readonly port: MessagePort;
  private readonly receiver: LinkReceiver;
  private readonly open = new Set<PeerId>();

  /** Takes what has come on the port from now on. */
  constructor(selfId: PeerId, port: MessagePort, receiver: LinkReceiver) {
    this.selfId = selfId;
    this.port = port;
    this.receiver = receiver;
    port.onmessage = ({ data }: MessageEvent<FromLinks>) => this.receive(data);
  }

  isOpen(peerId: PeerId): boolean {
    return peerId === this.selfId || this.open.has(peerId);
  }

  sendFrame(to: PeerId, frame: Frame): void {
    if (to === this.selfId) {
      // In a task of its own, as from any other device: a sender never runs the receiver's code.
      queueMicrotask(() => this.receiver.receiveFrame(to, frame));
      return;
    }
    this.requireLink(to);
    const bytes = encodeFrame(frame);
    this.post({ kind: 'frame', to, frame: bytes }, [bytes]);
  }

  sendMessage(to: PeerId, message: PipelineMessage): void {
    if (to === this.selfId) {
      queueMicrotask(() => this.receiver.receiveMessage(to, message));
      return;
    }
    this.requireLink(to);
    this.post({ kind: 'message', to, message });
  }

  /** Neither takes nor brings anything any more. */
  close(): void {
    this.open.clear();
    this.port.onmessage = null;
    this.port.close();
  }

  private post(message: ToLinks, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer);
  }

  private receive(message: FromLinks): void {
    switch (message.kind) {
      case 'link':
        this.linkChanged(message.peerId, message.name, message.open);
        break;
      case 'frame':
        this.receiveFrame(message.from, message.frame);
        break;
      case 'message':
        this.receiver.receiveMessage(message.from, message.message);
        break;
      case 'echo':
        this.post({ kind: 'echo' });
        break;
    }
  }

  private linkChanged(peerId: PeerId, name: string, open: boolean): void {
    if (this.open.has(peerId) === open) return;
    if (open) {
      this.open.add(peerId);
      this.receiver.linkOpened();
    } else {
      this.open.delete(peerId);
      this.receiver.peerLost(peerId, name);
    }
  }

  private receiveFrame(from: PeerId, bytes: ArrayBuffer): void {
    let frame: Frame;
    try {
      frame = decodeFrame(bytes);
    } catch (thrown) {
      this.receiver.receiveBadFrame(AppError.from(thrown));
      return;
    }
    this.receiver.receiveFrame(from, frame);
  }

  private requireLink(to: PeerId): void {
    if (!this.open.has(to)) throw new AppError('peer-lost', `there is no connection to device ${to}`);
  }
}
