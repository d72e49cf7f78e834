import type { Transport } from '../pipeline/transport.ts';
import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import { encodeFrame, type Frame } from '../shared/protocol/frame.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import type { FromWorker } from './messages.ts';

/** Where frames and messages for this very device go. */
export interface LocalReceiver {
  receiveFrame(from: PeerId, frame: Frame): void;
  receiveMessage(from: PeerId, message: PipelineMessage): void;
}

/** Sends through the page's links, which live on the main thread; to this device itself without encoding. */
export class WorkerTransport implements Transport {
  readonly selfId: PeerId;
  private readonly local: LocalReceiver;
  private readonly post: (message: FromWorker, transfer: Transferable[]) => void;
  private readonly open = new Set<PeerId>();

  constructor(selfId: PeerId, local: LocalReceiver, post: (message: FromWorker, transfer: Transferable[]) => void) {
    this.selfId = selfId;
    this.local = local;
    this.post = post;
  }

  /** @returns whether the link was open before */
  linkChanged(peerId: PeerId, open: boolean): boolean {
    const wasOpen = this.open.has(peerId);
    if (open) this.open.add(peerId);
    else this.open.delete(peerId);
    return wasOpen;
  }

  isOpen(peerId: PeerId): boolean {
    return peerId === this.selfId || this.open.has(peerId);
  }

  sendFrame(to: PeerId, frame: Frame): void {
    if (to === this.selfId) {
      // In a task of its own, as from any other device: a sender never runs the receiver's code.
      queueMicrotask(() => this.local.receiveFrame(to, frame));
      return;
    }
    this.requireLink(to);
    const bytes = encodeFrame(frame);
    this.post({ kind: 'send-frame', to, frame: bytes }, [bytes]);
  }

  sendMessage(to: PeerId, message: PipelineMessage): void {
    if (to === this.selfId) {
      queueMicrotask(() => this.local.receiveMessage(to, message));
      return;
    }
    this.requireLink(to);
    this.post({ kind: 'send-message', to, message }, []);
  }

  private requireLink(to: PeerId): void {
    if (!this.open.has(to)) throw new AppError('peer-lost', `there is no connection to device ${to}`);
  }
}
