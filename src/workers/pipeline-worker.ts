import type { FromWorker, ToWorker } from './messages.ts';
import { PipelineSession } from './pipeline-session.ts';

const CLOCK_INTERVAL_MS = 500;

const post = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, { transfer });
const session = new PipelineSession(post);

self.onmessage = ({ data }: MessageEvent<ToWorker>) => session.handle(data);
setInterval(() => {
  const nowMs = performance.now();
  session.tick(nowMs);
  post({ kind: 'tick', nowMs });
}, CLOCK_INTERVAL_MS);
