import { expect, test } from 'vitest';
import { fill } from './fill.ts';

test('values get the unit that their name has', () => {
  const values = { neededBytes: 4_100_000_000, waitedMs: 61_000, contextTokens: 512, restTokens: 1, name: 'Tablet', rooms: 3 };
  const sentence = '{neededBytes}, {waitedMs}, {contextTokens}, {restTokens}, {name}, {rooms}';
  expect(fill(sentence, values)).toBe('4.1 GB, 61 s, 512 tokens, 1 token, Tablet, 3');
});

test('a sentence is not said with a value that is missing, of the wrong kind or of nobody', () => {
  expect(fill('{neededBytes} are needed', {})).toBeNull();
  expect(fill('{neededBytes} are needed', { neededBytes: 'many' })).toBeNull();
  expect(fill('{neededBytes} are needed', { neededBytes: Number.NaN })).toBeNull();
  expect(fill('{name} left', { name: '' })).toBeNull();
  expect(fill('{toString} left', {})).toBeNull();
});

test('braces within a value stay as they are', () => {
  expect(fill('{name} left', { name: '{rooms}', rooms: 1 })).toBe('{rooms} left');
});
