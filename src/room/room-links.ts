import type { LinkState } from '../mesh/link-state.ts';
import { Mesh } from '../mesh/mesh.ts';
import { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { ClientReply, IceServers, SignalData } from '../shared/protocol/signaling.ts';
import { LinkPort } from './link-port.ts';
import type { Tell } from './tell-server.ts';
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
  /** Devices that the server has lost as well. */
  private away: ReadonlySet<PeerId> = new Set();
  /** Devices whose link was open and is not any more. */
  private readonly broken = new Set<PeerId>();

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
        onBadMessage: () => this.view.count('badPeerMessages'),
        onLinkState: (link) => this.changed(link),
        onLinkMeasured: (to, link) => this.tell('link:report', { to, link }),
      },
    });
    return port.workerEnd;
  }

  close(): void {
    this.mesh?.closeAll();
    this.mesh = null;
    this.broken.clear();
    this.port?.close();
    this.port = null;
  }

  setPeers(peerIds: readonly PeerId[]): void {
    this.mesh?.setPeers(peerIds);
  }

  /**
   * Of those whose link is broken too, the server hears at once: such a device is gone, and answers wait for another plan.
   * @param isNews false when this tab itself was away: others may only not be back yet
   */
  setAway(peerIds: readonly PeerId[], isNews: boolean): void {
    this.mesh?.setAway(peerIds);
    const newlyAway = isNews ? peerIds.filter((peerId) => !this.away.has(peerId)) : [];
    this.away = new Set(peerIds);
    for (const peerId of newlyAway) if (this.broken.has(peerId)) this.tell('link:report', { to: peerId, link: null });
  }

  /** Open links stay as they are; others wait for the server. */
  serverGone(): void {
    this.mesh?.serverGone();
  }

  /** To be called once this tab is in its room again. */
  serverBack(iceServers: IceServers): void {
    this.mesh?.serverBack(iceServers);
  }

  handleSignal(from: PeerId, data: SignalData): void {
    this.mesh?.handleSignal(from, data);
  }

  peerLeft(peerId: PeerId): void {
    this.mesh?.peerLeft(peerId);
    this.broken.delete(peerId);
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

  private changed(link: LinkState): void {
    const { peerId, state } = link;
    const before = this.view.current.links.find((known) => known.peerId === peerId);
    const others = this.view.current.links.filter((known) => known !== before);
    this.view.update({ links: [...others, link] });
    const hasBroken = before?.state === 'open' && state !== 'open';
    if (state === 'open') this.broken.delete(peerId);
    else if (hasBroken) this.broken.add(peerId);
    this.port?.linkChanged(peerId, this.nameOf(peerId), state === 'open');
    if (state === 'failed' || (hasBroken && this.away.has(peerId))) this.tell('link:report', { to: peerId, link: null });
  }

  private nameOf(peerId: PeerId): string {
    return this.view.current.room?.peers.find((peer) => peer.peerId === peerId)?.name ?? `device ${peerId}`;
  }
}
