import { expect, test } from 'vitest';
import { deviceName } from './device-name.ts';

test('a peer is called by its name, one without a name by its number', () => {
  expect(deviceName({ names: new Map([[3, 'Pixel 7']]) }, 3)).toBe('“Pixel 7”');
  expect(deviceName({ names: new Map([[3, 'Pixel 7']]) }, 4)).toBe('device 4');
  expect(deviceName({}, 4)).toBe('device 4');
});
