import { Mesh } from '../../src/mesh/mesh.ts';
import { LinkPort } from '../../src/room/link-port.ts';
import type { HopTab, SendSignal, ToHopWorker } from '../hop/tab.ts';

/** A tab as in a room: the mesh on this thread, the pipeline's transport in a worker, a port between them. */
const TICK_MS = 500;
const worker = new Worker(new URL('./hop-worker.ts', import.meta.url), { type: 'module' });
const { sendSignal } = globalThis as unknown as { sendSignal: SendSignal };
let mesh: Mesh | null = null;

function tell(message: ToHopWorker, transfer: Transferable[] = []): void {
  worker.postMessage(message, transfer);
}

function join(selfId: number, otherId: number): Promise<void> {
  const port = new LinkPort((to, data) => mesh?.send(to, data));
  tell({ selfId, links: port.workerEnd }, [port.workerEnd]);
  return new Promise((resolve) => {
    mesh = new Mesh({
      selfId,
      iceServers: [],
      sendSignal: (to, data) => void sendSignal(to, data),
      viaPipeline: (act) => port.viaWorker(act),
      events: {
        onFrame: (from, frame) => port.bringFrame(from, frame),
        onControl: (from, message) => port.bringMessage(from, message),
        onBulk: () => {},
        onBadMessage: () => {},
        onLinkState: ({ peerId, state }) => {
          port.linkChanged(peerId, `tab ${peerId}`, state === 'open');
          // The smaller id does not measure.
          if (state === 'open' && selfId < otherId) resolve();
        },
        onLinkMeasured: () => resolve(),
      },
    });
    mesh.setPeers([selfId, otherId]);
    setInterval(() => mesh?.tick(performance.now()), TICK_MS);
  });
}

function timeRoundTrips(to: number, frameBytes: number, count: number): Promise<number[]> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<number[]>) => resolve(data);
    tell({ to, frameBytes, count });
  });
}

const page: HopTab = { join, hear: (from, data) => mesh?.handleSignal(from, data), timeRoundTrips };
Object.assign(globalThis, { page });
