import { expect, test } from 'vitest';
import { readRoomCode, tidyRoomCode } from './room-code.ts';

test('a code is tidied while it is typed or pasted', () => {
  expect(tidyRoomCode(' ab-2 cd')).toBe('AB2CD');
  expect(tidyRoomCode('ab2cdefgh')).toBe('AB2CD');
});

test.each([
  ['ab2cd', 'AB2CD'],
  [' AB2CD ', 'AB2CD'],
  ['AB2C', null],
  ['AB2CDE', null],
  ['AB1CD', null],
  ['ABOCD', null],
  ['', null],
])('"%s" is read as %s', (text, code) => {
  expect(readRoomCode(text)).toBe(code);
});
