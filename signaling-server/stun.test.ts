import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { answerBinding } from './stun.ts';
import { startStun } from './stun-server.ts';
import { TestClock } from './test-clock.ts';

const transactionId = Buffer.from('b7e7a701bc34d686fa87dfae', 'hex');
const request = Buffer.concat([Buffer.from('000100002112a442', 'hex'), transactionId]);
/** The IPv4 response of RFC 5769 section 2.2 holds this attribute for 192.0.2.1 port 32853. */
const xorMappedAddress = Buffer.from('002000080001a147e112a643', 'hex');

test('a binding request is answered with the sender’s address as in the test vectors of RFC 5769', () => {
  const response = answerBinding(request, '192.0.2.1', 32853);
  expect(response).toEqual(Buffer.concat([Buffer.from('0101000c2112a442', 'hex'), transactionId, xorMappedAddress]));
});

/** RFC 5769 section 2.3: 2001:db8:1234:5678:11:2233:4455:6677 port 32853. */
const xorMappedIpv6 = Buffer.from('002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9', 'hex');

test.each([
  '2001:db8:1234:5678:11:2233:4455:6677',
  '2001:0DB8:1234:5678:0011:2233:4455:6677',
  '2001:db8:1234:5678:11:2233:68.85.102.119',
  '2001:db8:1234:5678:11:2233:4455:6677%eth0',
])('so is one that came over IPv6, from %s', (address) => {
  const response = answerBinding(request, address, 32853);
  expect(response).toEqual(Buffer.concat([Buffer.from('010100182112a442', 'hex'), transactionId, xorMappedIpv6]));
});

test('every way to write an IPv6 address means the same octets', () => {
  const octetsOf = (address: string) =>
    answerBinding(request, address, 1)!
      .subarray(28)
      .map((byte, i) => byte ^ request[4 + i]!);
  const hex = (address: string) => Buffer.from(octetsOf(address)).toString('hex');
  expect(hex('::1')).toBe('1'.padStart(32, '0'));
  expect(hex('::')).toBe('0'.repeat(32));
  expect(hex('fe80::')).toBe('fe80'.padEnd(32, '0'));
  expect(hex('1::8')).toBe(`0001${'0'.repeat(24)}0008`);
  expect(hex('1:2:3:4:5:6:7::')).toBe('00010002000300040005000600070000');
  expect(hex('::ffff:192.0.2.1')).toBe('c0000201');
});

test.each(['', 'localhost', '192.0.2', '1:2', ':::', '1:2:3:4:5:6:7:8:9'])(
  '%j, which is no address, gets no answer',
  (address) => {
    expect(answerBinding(request, address, 1)).toBeNull();
  },
);

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

const hasIpv6 = Object.values(networkInterfaces()).some((entries) => entries?.some(({ address }) => address === '::1'));

const reached: [string, string[]][] = [
  ['0.0.0.0', ['127.0.0.1', ...(hasIpv6 ? ['::1'] : [])]],
  ['::', ['127.0.0.1', ...(hasIpv6 ? ['::1'] : [])]],
];
if (hasIpv6) reached.push(['::1', ['::1']]);

test.each(reached)('listening on %s it answers on one port over %j', async (host, addresses) => {
  const server = await startStun(host, 0, systemClock);
  for (const address of addresses) {
    const isV6 = address.includes(':');
    const client = createSocket(isV6 ? 'udp6' : 'udp4');
    client.bind(0, address);
    await once(client, 'listening');
    client.send(request, server.port, address);
    const [response] = (await once(client, 'message')) as [Buffer];
    expect(response).toEqual(answerBinding(request, address, client.address().port));
    client.close();
  }
  await server.close();
});

test.runIf(hasIpv6)('a port that is taken in one family alone is taken in neither', async () => {
  const other = createSocket({ type: 'udp6', ipv6Only: true });
  other.bind(0, '::');
  await once(other, 'listening');
  const server = await startStun('0.0.0.0', other.address().port, systemClock);
  expect(server.port).not.toBe(other.address().port);
  other.close();
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
