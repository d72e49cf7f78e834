import type { PeerId } from '../shared/model/link-profile.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';
import type { FromLinks, ToLinks } from '../workers/messages.ts';

/** The links' end of the port that joins them to the worker's transport. */
export class LinkPort {
  /** The worker's end, to be transferred to it. */
  readonly workerEnd: MessagePort;
  private readonly port: MessagePort;
  private readonly echoes: (() => void)[] = [];

  /** @param onSend takes a frame, or a control message as JSON text, for another device */
  constructor(onSend: (to: PeerId, data: ArrayBuffer | string) => void) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.workerEnd = port2;
    port1.onmessage = ({ data }: MessageEvent<ToLinks>) => {
      if (data.kind === 'echo') this.echoes.shift()?.();
      else onSend(data.to, data.kind === 'frame' ? data.frame : JSON.stringify(data.message));
    };
  }

  linkChanged(peerId: PeerId, name: string, open: boolean): void {
    this.post({ kind: 'link', peerId, name, open });
  }

  /** Transfers the frame. */
  bringFrame(from: PeerId, frame: ArrayBuffer): void {
    this.post({ kind: 'frame', from, frame }, [frame]);
  }

  bringMessage(from: PeerId, message: PipelineMessage): void {
    this.post({ kind: 'message', from, message });
  }

  /** Acts once a message has gone the way of a frame to the worker, and another has come back. */
  viaWorker(act: () => void): void {
    this.echoes.push(act);
    this.post({ kind: 'echo' });
  }

  close(): void {
    this.port.onmessage = null;
    this.port.close();
  }

  private post(message: FromLinks, transfer: Transferable[] = []): void {
    this.port.postMessage(message, transfer);
  }
}
