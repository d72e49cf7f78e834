import { createHmac } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clientAddress } from './client-address.ts';
import { systemClock } from './clock.ts';
import { iceServersFor, NO_NAMED_ICE } from './ice.ts';
import { answerBinding } from './stun.ts';
import { startStun } from './stun-server.ts';
import { TestClock } from './testing/clock.ts';

const transactionId = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
const request = Buffer.concat([Buffer.from('000100002112a442', 'hex'), transactionId]);
/** The IPv4 response of RFC 5769 section 2.2 holds this attribute for 192.0.2.1 port 32853. */
const xorMappedAddress = Buffer.from('002000080001a147e112a643', 'hex');

test('a binding request is answered with the sender’s address as in the test vectors of RFC 5769', () => {
  const response = answerBinding(request, '192.0.2.1', 32853);
  expect(response).toEqual(Buffer.concat([Buffer.from('0101000c2112a442', 'hex'), transactionId, xorMappedAddress]));
});

/** The IPv6 response of RFC 5769 section 2.3 holds this attribute for 2001:db8:1234:5678:11:2233:4455:6677 port 32853. */
const xorMappedAddress6 = Buffer.from('002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9', 'hex');

test('a binding request over IPv6 is answered as in the test vectors of RFC 5769', () => {
  const response = answerBinding(request, '2001:db8:1234:5678:11:2233:4455:6677', 32853);
  expect(response).toEqual(Buffer.concat([Buffer.from('010100182112a442', 'hex'), transactionId, xorMappedAddress6]));
});

test('an optional attribute is passed over, one that must be understood is not', () => {
  const withAttribute = (attribute: string) => {
    const packet = Buffer.concat([request, Buffer.from(attribute, 'hex')]);
    packet.writeUInt16BE(packet.length - 20, 2);
    return answerBinding(packet, '192.0.2.1', 1);
  };
  expect(withAttribute('8022000474657374')).toHaveLength(32);
  expect(withAttribute('0003000400000006')).toBeNull();
  expect(withAttribute('8022000874657374')).toBeNull();
});

test.each([
  ['empty', Buffer.alloc(0)],
  ['too short', request.subarray(0, 19)],
  ['of another length than it says', Buffer.concat([request, Buffer.alloc(4)])],
  ['without the cookie', Buffer.concat([Buffer.from('0001000000000000', 'hex'), transactionId])],
  ['a response', Buffer.concat([Buffer.from('010100002112a442', 'hex'), transactionId])],
  ['of another method', Buffer.concat([Buffer.from('000300002112a442', 'hex'), transactionId])],
])('a packet that is %s is ignored', (_, packet) => {
  expect(answerBinding(packet, '192.0.2.1', 1)).toBeNull();
});

test('no packet makes it throw or answer with more than 32 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const packet = Buffer.concat([request.subarray(0, bytes.length % 21), Buffer.from(bytes)]);
      expect(answerBinding(packet, '10.0.0.1', 65_535)?.length ?? 32).toBe(32);
    }),
  );
});

test('over UDP a client learns its own port; nonsense before it does no harm', async () => {
  const server = await startStun('127.0.0.1', 0, systemClock);
  const client = createSocket('udp4');
  client.bind(0, '127.0.0.1');
  await once(client, 'listening');
  client.send(Buffer.from('hello'), server.port, '127.0.0.1');
  client.send(request, server.port, '127.0.0.1');
  const [response] = (await once(client, 'message')) as [Buffer];
  expect(response.readUInt16BE(26) ^ 0x2112).toBe(client.address().port);
  client.close();
  await server.close();
});

test('a flood from one address gets a few answers only', async () => {
  const server = await startStun('127.0.0.1', 0, new TestClock());
  const client = createSocket('udp4');
  client.bind(0, '127.0.0.1');
  await once(client, 'listening');
  let answers = 0;
  client.on('message', () => answers++);
  for (let i = 0; i < 60; i++) {
    client.send(request, server.port, '127.0.0.1');
    await once(client, 'message');
  }
  for (let i = 0; i < 100; i++) client.send(request, server.port, '127.0.0.1');
  // The answer of a second server comes after all that the first one would have sent.
  const other = await startStun('127.0.0.1', 0, systemClock);
  client.send(request, other.port, '127.0.0.1');
  await expect.poll(() => answers).toBe(61);
  client.close();
  await Promise.all([server.close(), other.close()]);
});

test('a port that is taken is replaced by a free one', async () => {
  const first = await startStun('127.0.0.1', 0, systemClock);
  const second = await startStun('127.0.0.1', first.port, systemClock);
  expect(second.port).not.toBe(first.port);
  await Promise.all([first.close(), second.close()]);
});

test('tabs on this machine need no address service, others use the server by the name they know', () => {
  for (const host of ['localhost:8080', '127.0.0.1:8080', '[::1]:8080', '', 'a b:1', '"><'])
    expect(iceServersFor(host, 3478, NO_NAMED_ICE, 0)).toEqual([]);
  expect(iceServersFor('192.168.1.5:8443', 3478, NO_NAMED_ICE, 0)).toEqual([{ urls: 'stun:192.168.1.5:3478' }]);
  expect(iceServersFor('[fd00::5]:8443', 3478, NO_NAMED_ICE, 0)).toEqual([{ urls: 'stun:[fd00::5]:3478' }]);
  expect(iceServersFor('edge.example', 3478, NO_NAMED_ICE, 0)).toEqual([{ urls: 'stun:edge.example:3478' }]);
  expect(iceServersFor('192.168.1.5:8443', null, NO_NAMED_ICE, 0)).toEqual([]);
  expect(iceServersFor('localhost', 3478, { urls: ['stun:192.0.2.9'], turn: null }, 0)).toEqual([{ urls: 'stun:192.0.2.9' }]);
});

test('over UDP and IPv6 a client learns its own port, where the machine has IPv6', async () => {
  const server = await startStun('0.0.0.0', 0, systemClock);
  const client = createSocket('udp6');
  const hasIpv6 = await new Promise((resolve) => {
    client.once('error', () => resolve(false));
    client.bind(0, '::1', () => resolve(true));
  });
  if (hasIpv6) {
    client.send(request, server.port, '::1');
    const [response] = (await once(client, 'message')) as [Buffer];
    expect(response.readUInt16BE(26) ^ 0x2112).toBe(client.address().port);
  }
  client.close();
  await server.close();
});

test('a relay comes with its user, or with one made of the shared secret that expires', () => {
  const urls = ['stun:192.0.2.9', 'turn:192.0.2.9:3478'];
  expect(iceServersFor('a', 1, { urls, turn: { username: 'u', credential: 'c' } }, 0)).toEqual([
    { urls: 'stun:192.0.2.9' },
    { urls: 'turn:192.0.2.9:3478', username: 'u', credential: 'c' },
  ]);
  const nowMs = Date.UTC(2030, 0, 1);
  const [, turn] = iceServersFor('a', 1, { urls, turn: { secret: 'north' } }, nowMs);
  expect(Number(turn!.username)).toBe(nowMs / 1000 + 12 * 3600);
  expect(turn!.credential).toBe(createHmac('sha1', 'north').update(turn!.username!).digest('base64'));
});

test.each([
  ['192.0.2.7', undefined, '192.0.2.7'],
  ['::ffff:192.0.2.7', undefined, '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
  ['2001:db8::1', undefined, '2001:db8:0:0::/64'],
  ['127.0.0.1', '203.0.113.9', '203.0.113.9'],
  ['127.0.0.1', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
  ['192.0.2.7', 'unknown', '192.0.2.7'],
  ['192.0.2.7', '203.0.113.9, <script>', '192.0.2.7'],
  ['127.0.0.1', '2001:db8:1:2::9', '2001:db8:1:2::/64'],
])('limits of %s behind %s are counted for %s', (socketAddress, forwardedFor, address) => {
  expect(clientAddress(socketAddress, forwardedFor)).toBe(address);
});
