import { expect, test } from 'vitest';
import { linkAdvice } from './links.ts';

test('each cause of a missing link comes with its fix', () => {
  expect(linkAdvice({ code: 'no-address' })).toMatch(/VPN.*WebRTC/);
  expect(linkAdvice({ code: 'no-answer', waitedMs: 10_000 })).toMatch(/not answered for 10 s.*asleep/);
  expect(linkAdvice({ code: 'no-way-through', waitedMs: 10_000 })).toMatch(/within 10 s.*Wi-Fi.*hotspot/);
  expect(linkAdvice({ code: 'other-protocol' })).toContain('reload');
});
