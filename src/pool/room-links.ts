import type { LinkState } from '../mesh/link-state.ts';
import { Mesh } from '../mesh/mesh.ts';
import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { ClientReply, SignalData } from '../shared/protocol/signaling.ts';
import type { PipelineClient } from '../workers/client.ts';
import type { Tell } from './tell.ts';
import type { ViewStore } from './view-store.ts';

/**
 * This tab's links to the other devices of its room, between the mesh and the pipeline worker: both hear of each change, and the
 * view shows it. Every joining opens them anew; closed links take and bring nothing.
 */
export class RoomLinks {
  private readonly worker: Pick<PipelineClient, 'send' | 'viaWorker'>;
  private readonly view: ViewStore;
  private readonly tell: Tell;
  private mesh: Mesh | null = null;

  constructor(worker: Pick<PipelineClient, 'send' | 'viaWorker'>, view: ViewStore, tell: Tell) {
    this.worker = worker;
    this.view = view;
    this.tell = tell;
  }

  open({ peerId, iceServers }: ClientReply<'room:join'>): void {
    this.close();
    this.mesh = new Mesh({
      selfId: peerId,
      iceServers,
      sendSignal: (to, data) => this.tell('signal', { to, data }),
      viaPipeline: (act) => this.worker.viaWorker(act),
      events: {
        onFrame: (from, frame) => this.worker.send({ kind: 'frame', from, frame }),
        onControl: (from, message) => this.worker.send({ kind: 'message', from, message }),
        onLinkState: (link) => this.changed(link),
        onLinkMeasured: (to, link) => this.tell('link:report', { to, link }),
      },
    });
  }

  close(): void {
    this.mesh?.closeAll();
    this.mesh = null;
  }

  setPeers(peerIds: readonly PeerId[]): void {
    this.mesh?.setPeers(peerIds);
  }

  handleSignal(from: PeerId, data: SignalData): void {
    this.mesh?.handleSignal(from, data);
  }

  peerLeft(peerId: PeerId): void {
    this.mesh?.peerLeft(peerId);
    this.worker.send({ kind: 'peer-left', peerId, name: this.nameOf(peerId) });
    this.view.update({ links: this.view.current.links.filter((link) => link.peerId !== peerId) });
  }

  tick(nowMs: number): void {
    this.mesh?.tick(nowMs);
  }

  /** A frame, or a control message as JSON text. What cannot be sent ends the answers that wait for it. */
  send(peerId: PeerId, data: ArrayBuffer | string): void {
    try {
      this.mesh?.send(peerId, data);
    } catch (thrown) {
      const error = AppError.from(thrown);
      // A link that has just gone is told by its state.
      if (error.code === 'peer-lost') return;
      this.worker.send({ kind: 'link', peerId, name: this.nameOf(peerId), open: false });
      this.view.update({ error: error.toReport() });
    }
  }

  private changed(link: LinkState): void {
    const others = this.view.current.links.filter(({ peerId }) => peerId !== link.peerId);
    this.view.update({ links: [...others, link] });
    this.worker.send({ kind: 'link', peerId: link.peerId, name: this.nameOf(link.peerId), open: link.state === 'open' });
    if (link.state === 'failed') this.tell('link:report', { to: link.peerId, link: null });
  }

  private nameOf(peerId: PeerId): string {
    return this.view.current.room?.peers.find((peer) => peer.peerId === peerId)?.name ?? `device ${peerId}`;
  }
}
