import type { Contestant } from '../engine/contestant.ts';

/** Our engines run in a worker, as in a room; the page passes calls on. */
const worker = new Worker(new URL('./ours-worker.ts', import.meta.url), { type: 'module' });
const waiting = new Map<number, { resolve: (value: never) => void; reject: (reason: Error) => void }>();
let calls = 0;

export interface WorkerCall {
  call: number;
  method: keyof Contestant;
  args: unknown[];
}
export type WorkerReply = { call: number } & ({ value: unknown } | { error: string });

worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => {
  const { resolve, reject } = waiting.get(data.call)!;
  waiting.delete(data.call);
  if ('error' in data) reject(new Error(data.error));
  else resolve(data.value as never);
};
worker.onerror = ({ message }) => {
  for (const { reject } of waiting.values()) reject(new Error(message));
};

function passOn<T>(method: keyof Contestant, ...args: unknown[]): Promise<T> {
  return new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ call: calls, method, args } satisfies WorkerCall);
  });
}

const page: Contestant = {
  load: (url, variant) => passOn('load', url, variant),
  prefill: (count) => passOn('prefill', count),
  decode: (context, steps) => passOn('decode', context, steps),
  profile: () => passOn('profile'),
};
Object.assign(globalThis, { page });
