import { expect, test } from 'vitest';
import { defaultLendBytes, usableBytes } from './lend-default.ts';

const GB = 2 ** 30;

test.each([
  { device: 'an iPhone', userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1', lendGb: 0.5 },
  {
    device: 'an Android phone',
    userAgent: 'Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140.0 Mobile',
    deviceMemoryGb: 8,
    lendGb: 0.5,
  },
  { device: 'an iPad', userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605', maxTouchPoints: 5, lendGb: 0.5 },
  { device: 'a Mac', userAgent: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605', maxTouchPoints: 0, lendGb: 1 },
  {
    device: 'a desktop of 8 GB or more',
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0',
    deviceMemoryGb: 8,
    lendGb: 2,
  },
  { device: 'a desktop of 32 GB', userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0', deviceMemoryGb: 32, lendGb: 4 },
  { device: 'a desktop of 2 GB', userAgent: 'Mozilla/5.0 (Windows NT 10.0) Chrome/140.0', deviceMemoryGb: 2, lendGb: 1 },
])('$device lends $lendGb GB', ({ lendGb, device: _, ...hints }) => {
  expect(defaultLendBytes(hints)).toBe(lendGb * GB);
});

test('a processor uses no more than its kernels can reach, a graphics processor all that is lent', () => {
  expect(usableBytes('cpu', 16 * GB)).toBeLessThan(4 * GB);
  expect(usableBytes('cpu', 2 * GB)).toBe(2 * GB);
  expect(usableBytes('webgpu', 16 * GB)).toBe(16 * GB);
});
