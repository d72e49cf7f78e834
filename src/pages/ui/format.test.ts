import { expect, test } from 'vitest';
import { formatBytes, formatMs, formatNumber, formatRate, layerSpan, layerWords, loadedPercent } from './format.ts';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1500, '1.5 kB'],
  [999_999, '1000 kB'],
  [1_000_000, '1 MB'],
  [1_254_000_000, '1.25 GB'],
  [3e15, '3000 TB'],
])('%d bytes read %s', (bytes, words) => {
  expect(formatBytes(bytes)).toBe(words);
});

test('numbers keep three digits and no noise', () => {
  expect(formatNumber(0.012345)).toBe('0.0123');
  expect(formatNumber(12.0001)).toBe('12');
  expect(formatNumber(1234.5)).toBe('1235');
  expect(formatNumber(Number.POSITIVE_INFINITY)).toBe('–');
});

test('times and rates carry their unit', () => {
  expect(formatMs(38.25)).toBe('38.3 ms');
  expect(formatMs(2345)).toBe('2.35 s');
  expect(formatRate(26.04)).toBe('26 tokens/s');
});

test('a load is done only when its last byte is there', () => {
  expect(loadedPercent({ loadedBytes: 999, shardBytes: 1000 })).toBe(99);
  expect(loadedPercent({ loadedBytes: 1000, shardBytes: 1000 })).toBe(100);
  expect(loadedPercent({ loadedBytes: 0, shardBytes: 0 })).toBe(100);
});

test('layers are told by the first and the last', () => {
  expect(layerSpan({ startLayer: 0, endLayer: 4 })).toBe('0-3');
  expect(layerSpan({ startLayer: 3, endLayer: 4 })).toBe('3');
  expect(layerSpan({ startLayer: 4, endLayer: 4 })).toBe('');
  expect(layerWords({ startLayer: 0, endLayer: 4 })).toBe('layers 0–3');
  expect(layerWords({ startLayer: 7, endLayer: 8 })).toBe('layer 7');
  expect(layerWords({ startLayer: 8, endLayer: 8 })).toBe('no layers');
});
