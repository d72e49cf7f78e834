import { Mesh } from '../mesh/mesh.ts';
import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { ClientReply, SignalData } from '../shared/protocol/signaling.ts';
import { LinkPort } from './link-port.ts';
import type { LinkView } from './room-view.ts';
import type { Tell } from './tell.ts';
import type { ViewStore } from './view-store.ts';

/**
 * This tab's links to the other devices of its room, between the mesh and the pipeline worker: both hear of each change, and the
 * view shows it. Every joining opens them anew; closed links take and bring nothing.
 */
export class RoomLinks {
  private readonly view: ViewStore;
  private readonly tell: Tell;
  private mesh: Mesh | null = null;
  private port: LinkPort | null = null;

  constructor(view: ViewStore, tell: Tell) {
    this.view = view;
    this.tell = tell;
  }

  /** @returns the worker's end of the port to these links, to be transferred */
  open({ peerId, iceServers }: ClientReply<'room:join'>): MessagePort {
    this.close();
    const port = new LinkPort((to, data) => this.send(to, data));
    this.port = port;
    this.mesh = new Mesh({
      selfId: peerId,
      iceServers,
      sendSignal: (to, data) => this.tell('signal', { to, data }),
      viaPipeline: (act) => port.viaWorker(act),
      events: {
        onFrame: (from, frame) => port.bringFrame(from, frame),
        onControl: (from, message) => port.bringMessage(from, message),
        onBulk: () => {},
        onLinkState: (link) => this.changed(link),
        onLinkMeasured: (to, link) => this.tell('link:report', { to, link }),
      },
    });
    return port.workerEnd;
  }

  close(): void {
    this.mesh?.closeAll();
    this.mesh = null;
    this.port?.close();
    this.port = null;
  }

  setPeers(peerIds: readonly PeerId[]): void {
    this.mesh?.setPeers(peerIds);
  }

  setAway(peerIds: readonly PeerId[]): void {
    this.mesh?.setAway(peerIds);
  }

  /** Open links stay as they are; others wait for the server. */
  serverGone(): void {
    this.mesh?.serverGone();
  }

  /** To be called once this tab is in its room again: the server may have forgotten what was measured, and is told anew. */
  serverBack(): void {
    this.mesh?.serverBack();
  }

  handleSignal(from: PeerId, data: SignalData): void {
    this.mesh?.handleSignal(from, data);
  }

  peerLeft(peerId: PeerId): void {
    this.mesh?.peerLeft(peerId);
    this.port?.linkChanged(peerId, this.nameOf(peerId), false);
    this.view.update({ links: this.view.current.links.filter((link) => link.peerId !== peerId) });
  }

  tick(nowMs: number): void {
    this.mesh?.tick(nowMs);
  }

  private send(peerId: PeerId, data: ArrayBuffer | string): void {
    try {
      this.mesh?.send(peerId, data);
    } catch (thrown) {
      const error = AppError.from(thrown);
      // What has become of the link is told by its state.
      if (error.code !== 'peer-lost') this.view.update({ error: error.toReport() });
    }
  }

  private changed(link: LinkView): void {
    const others = this.view.current.links.filter(({ peerId }) => peerId !== link.peerId);
    this.view.update({ links: [...others, link] });
    this.port?.linkChanged(link.peerId, this.nameOf(link.peerId), link.state === 'open');
    if (link.state === 'failed') this.tell('link:report', { to: link.peerId, link: null });
  }

  private nameOf(peerId: PeerId): string {
    return this.view.current.room?.peers.find((peer) => peer.peerId === peerId)?.name ?? `device ${peerId}`;
  }
}
