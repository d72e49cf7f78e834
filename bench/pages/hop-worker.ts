import { encodeFrame, type ForwardFrame, type Frame } from '../../src/shared/protocol/frame.ts';
import { WorkerTransport } from '../../src/workers/worker-transport.ts';
import type { ToHopWorker } from '../hop/tab.ts';

/** Sends frames and takes them through the pipeline's own transport; one that it did not ask for goes back at once. */
let transport: WorkerTransport | null = null;
let onReturn: (() => void) | null = null;

self.onmessage = ({ data }: MessageEvent<ToHopWorker>) => {
  if ('links' in data) start(data.selfId, data.links);
  else void timeRoundTrips(data.to, frameOf(data.frameBytes), data.count);
};

function start(selfId: number, links: MessagePort): void {
  transport = new WorkerTransport(selfId, links, {
    receiveFrame: (from, frame) => (onReturn ? onReturn() : transport!.sendFrame(from, frame)),
    receiveMessage: () => {},
    receiveBadFrame: (error) => {
      throw error;
    },
    peerLost: () => {},
    linkOpened: () => {},
  });
}

async function timeRoundTrips(to: number, frame: Frame, count: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await new Promise<void>((resolve) => {
      onReturn = resolve;
      transport!.sendFrame(to, frame);
    });
    times.push(performance.now() - startMs);
  }
  onReturn = null;
  self.postMessage(times);
}

/** One row, so wide that its frame has this many bytes. */
function frameOf(bytes: number): ForwardFrame {
  const hidden = new Float32Array((bytes - encodeFrame(oneRow(new Float32Array(0))).byteLength) / 4);
  return oneRow(hidden);
}

function oneRow(hidden: Float32Array): ForwardFrame {
  const runs = [{ source: 1, request: 1, sequence: 1, position: 0, rows: 1 }];
  return { kind: 'forward', epoch: 1, untilLayer: 1, runs, heads: [], trail: [], dtype: 'f32', dim: hidden.length, hidden };
}
