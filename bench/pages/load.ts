import type { LoadStep } from './load-worker.ts';

/** A shard is loaded in a worker, as in a room; one step at a time. */
const worker = new Worker(new URL('./load-worker.ts', import.meta.url), { type: 'module' });

function step(request: LoadStep): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<number | string>) =>
      typeof data === 'number' ? resolve(data) : reject(new Error(data));
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(request);
  });
}

Object.assign(globalThis, { page: { step } });
