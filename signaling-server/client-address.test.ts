import { describe, expect, test } from 'vitest';
import { AddressLimits } from './address-limits.ts';
import { clientAddress, isLoopback } from './client-address.ts';
import { TestClock } from './testing/clock.ts';

describe('whom a limit is counted for', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:0002::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('%s is %s', (socket, address) => {
    expect(clientAddress(socket, undefined)).toBe(address);
  });

  test.each([
    ['the only entry', '192.0.2.9', '192.0.2.9'],
    ['the last of several, as the others came from outside', '127.0.0.1, 198.51.100.1 , 192.0.2.9 ', '192.0.2.9'],
    ['by its /64', '2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['the socket’s where the entry is no address', 'unknown', '10.0.0.1'],
    ['the socket’s where the entry has a port', '192.0.2.9:443', '10.0.0.1'],
    ['the socket’s where there is nothing', '', '10.0.0.1'],
    ['the socket’s where the last entry is empty', '192.0.2.9,', '10.0.0.1'],
  ])('behind a proxy: %s', (_, header, address) => {
    expect(clientAddress('10.0.0.1', header)).toBe(address);
  });

  test.each(['127.0.0.1', '::1', '127.9.9.9'])('a proxy’s word that %s asked lifts no limit', (header) => {
    expect(isLoopback(clientAddress('127.0.0.1', header))).toBe(false);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['::ffff:c000:207', false],
    ['::2', false],
    ['10.0.0.1', false],
    ['fe80::1', false],
  ])('%s is this machine: %s', (socket, isHere) => {
    expect(isLoopback(clientAddress(socket, undefined))).toBe(isHere);
  });
});

describe('limits', () => {
  const used = (limits: AddressLimits, address: string) => {
    for (let count = 0; ; count++) {
      try {
        limits.count('failed-join', address);
      } catch {
        return count;
      }
    }
  };

  test('are of each address, come back with time, and leave this machine alone unless asked', async () => {
    const clock = new TestClock();
    const limits = new AddressLimits(clock, false);
    expect([used(limits, '192.0.2.7'), used(limits, '192.0.2.8')]).toEqual([30, 30]);
    expect(() => limits.requireLeft('failed-join', '192.0.2.7')).toThrow(expect.objectContaining({ code: 'too-many-tries' }));
    expect(() => limits.count('created-room', '192.0.2.7')).not.toThrow();
    await clock.advance(20_000);
    expect(used(limits, '192.0.2.7')).toBe(1);
    for (let i = 0; i < 100; i++) limits.count('failed-join', '127.0.0.1');
    expect(used(new AddressLimits(clock, true), '127.0.0.1')).toBe(30);
  });

  test('forget the addresses that were not heard of for longest', () => {
    const limits = new AddressLimits(new TestClock(), false);
    used(limits, 'first');
    for (let i = 0; i < 10_000; i++) limits.count('failed-join', `address ${i}`);
    expect(used(limits, 'first')).toBe(30);
    expect(used(limits, 'address 9999')).toBe(29);
  });
});
