import { expect, test } from 'vitest';
import { finishWork } from './finish-work.ts';
import type { Work } from './multiply.ts';

const LIMIT_MS = 5000;

/** Works until `isEnough`. @returns whether that came before the limit */
function* workUntil(isEnough: () => boolean): Work<boolean> {
  const startMs = performance.now();
  while (!isEnough() && performance.now() - startMs < LIMIT_MS) yield;
  return isEnough();
}

test('timers go off while work goes on', async () => {
  let beats = 0;
  const timer = setInterval(() => beats++, 1);
  expect(await finishWork(workUntil(() => beats > 5))).toBe(true);
  clearInterval(timer);
});

test('messages arrive while work goes on', async () => {
  const { port1, port2 } = new MessageChannel();
  let messages = 0;
  port1.onmessage = () => {
    messages++;
    port2.postMessage('next');
  };
  port2.postMessage('first');
  expect(await finishWork(workUntil(() => messages > 5))).toBe(true);
  port1.close();
});
