import { expect, test } from 'vitest';
import { deviceName } from './device-name.ts';

const called = (name: string) => deviceName({ names: new Map([[3, name]]) }, 3);

test('a peer is called by its name, one without a name by its number', () => {
  expect(called('Pixel 7')).toBe('Pixel 7');
  expect(called(' \n ')).toBe('device 3');
  expect(deviceName({ names: new Map([[3, 'Pixel 7']]) }, 4)).toBe('device 4');
  expect(deviceName({}, 4)).toBe('device 4');
});

test('a name cannot break the line, turn the text round or fill the page', () => {
  expect(called('Ann\u202E\r\n\u2028laptop')).toBe('Ann laptop');
  expect([...called('😀'.repeat(80))]).toHaveLength(40);
  expect(called('x'.repeat(80))).toBe(`${'x'.repeat(39)}…`);
});
