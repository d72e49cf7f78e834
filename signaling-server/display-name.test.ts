import { expect, test } from 'vitest';
import { displayName } from './display-name.ts';

const called = (asked: string, ...taken: string[]) => displayName(asked, 3, taken);

test('a device has the name that it asks for, one without a name its number', () => {
  expect(called('Pixel 7')).toBe('Pixel 7');
  expect(called(' \n ')).toBe('device 3');
});

test('devices that ask for the same name are told apart by the least free number', () => {
  expect(called('Chrome on Linux', 'Safari on iPhone', 'Chrome on Linux')).toBe('Chrome on Linux 2');
  expect(called('Chrome on Linux', 'Chrome on Linux', 'Chrome on Linux 2')).toBe('Chrome on Linux 3');
  expect(called('Chrome on Linux', 'Chrome on Linux', 'Chrome on Linux 3')).toBe('Chrome on Linux 2');
  expect(called('Chrome on Linux 2', 'Chrome on Linux', 'Chrome on Linux 2')).toBe('Chrome on Linux 2 2');
  expect(called('', 'device 3')).toBe('device 3 2');
});

test('names that only differ in what nobody sees, or far behind, are told apart as well', () => {
  expect(called('Ann\u202E\tlaptop', 'Ann laptop')).toBe('Ann laptop 2');
  expect(called(`${'x'.repeat(70)}b`, called(`${'x'.repeat(70)}a`))).toBe(`${'x'.repeat(37)}… 2`);
});

test('a name cannot break the line, turn the text round, end its quotation or fill the page', () => {
  expect(called('Ann\u202E\r\n\u2028laptop')).toBe('Ann laptop');
  expect(called('my ”fast“ laptop')).toBe('my fast laptop');
  expect([...called('😀'.repeat(80))]).toHaveLength(40);
  expect([...called('😀'.repeat(80), called('😀'.repeat(80)))]).toHaveLength(40);
});
