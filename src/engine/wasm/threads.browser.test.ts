import { afterAll, expect, test } from 'vitest';
import type { QuantType } from '../../gguf/quant.ts';
import type { ThreadResult, ThreadRun } from './testing/threads-worker.ts';

const worker = new Worker(new URL('./testing/threads-worker.ts', import.meta.url), { type: 'module' });
afterAll(() => worker.terminate());

function run(request: ThreadRun): Promise<ThreadResult> {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage(request, [port2]);
  return new Promise((resolve, reject) => {
    port1.onmessage = ({ data }: MessageEvent<ThreadResult | string>) =>
      typeof data === 'string' ? reject(new Error(data)) : resolve(data);
  });
}

test('a worker of an isolated page computes on all processors but one, of two on both', async () => {
  expect(crossOriginIsolated).toBe(true);
  const { hardwareConcurrency } = navigator;
  const size = Math.min(8, Math.max(2, hardwareConcurrency - 1));
  const { adapter } = await run({ type: 'Q8_0', tokens: 20, chunk: 20 });
  expect(adapter).toContain(hardwareConcurrency < 2 ? 'WebAssembly SIMD,' : `WebAssembly SIMD on ${size} threads`);
});

test.each<QuantType>(['Q4_0', 'Q6_K', 'F16'])(
  'threads compute the bits of one, in %s, for one token and for many',
  async (type) => {
    const alone = await run({ type, threads: 1, tokens: 20, chunk: 20 });
    for (const chunk of [1, 3, 20]) {
      const together = await run({ type, threads: 3, tokens: 20, chunk });
      expect(together.adapter).toContain('on 3 threads');
      expectSameBits(together, alone, `in chunks of ${chunk}`);
    }
  },
);

test.each([2, 3, 5])('%d threads attend to a long sequence as one does', async (threads) => {
  const alone = await run({ type: 'Q4_0', threads: 1, tokens: 321, chunk: 40 });
  const together = await run({ type: 'Q4_0', threads, tokens: 321, chunk: 320 });
  expect(together.adapter).toContain(`on ${threads} threads`);
  expectSameBits(together, alone, 'in one chunk and one token');
});

function expectSameBits({ logits }: ThreadResult, alone: ThreadResult, how: string): void {
  expect(
    logits.findIndex((logit, i) => !Object.is(logit, alone.logits[i])),
    how,
  ).toBe(-1);
  expect(logits).toHaveLength(alone.logits.length);
}
