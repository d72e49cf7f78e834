import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { throttle } from './throttle.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a thousand requests within an interval make two runs: the first at once, the last at its end', () => {
  const action = vi.fn();
  const { request } = throttle(action, 100);
  for (let i = 0; i < 1000; i++) request();
  expect(action).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(100);
  expect(action).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(1000);
  expect(action).toHaveBeenCalledTimes(2);
});

test('a request after a quiet interval runs at once', () => {
  const action = vi.fn();
  const { request } = throttle(action, 100);
  request();
  vi.advanceTimersByTime(150);
  request();
  expect(action).toHaveBeenCalledTimes(2);
});

test('cancelling drops what was pending', () => {
  const action = vi.fn();
  const { request, cancel } = throttle(action, 100);
  request();
  request();
  cancel();
  vi.advanceTimersByTime(1000);
  expect(action).toHaveBeenCalledTimes(1);
});
