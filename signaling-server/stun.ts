import { isIPv4, isIPv6 } from 'node:net';

/**
 * STUN (RFC 8489), the binding method only: tells a sender the address that its packet came from, so that tabs behind
 * mDNS names find each other on a network without multicast.
 */

const TYPE = 0;
const LENGTH = TYPE + 2;
const MAGIC_COOKIE = LENGTH + 2;
const TRANSACTION_ID = MAGIC_COOKIE + 4;
const HEADER_BYTES = TRANSACTION_ID + 12;

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const COOKIE = 0x2112a442;
const XOR_MAPPED_ADDRESS = 0x0020;
/** Attributes below this must be understood, or the request not answered as if they were (RFC 8489 section 14). */
const COMPREHENSION_OPTIONAL = 0x8000;
const MAX_REQUEST_BYTES = 548;

/** The attribute's value: a zero, the family, the port, the address. */
const FAMILY = 1;
const PORT = FAMILY + 1;
const ADDRESS = PORT + 2;
const IPV4 = { family: 1, bytes: 4 };
const IPV6 = { family: 2, bytes: 16 };

/**
 * @param address of the sender, IPv4 or IPv6.
 * @returns the response, 32 or 44 bytes; null for anything but a well-formed binding request, which is best ignored.
 */
export function answerBinding(packet: Buffer, address: string, port: number): Buffer | null {
  const octets = addressOctets(address);
  if (!octets || !isBindingRequest(packet)) return null;
  const { family, bytes } = octets.length === IPV4.bytes ? IPV4 : IPV6;
  const valueBytes = ADDRESS + bytes;
  const value = HEADER_BYTES + 4;
  const response = Buffer.alloc(value + valueBytes);
  response.writeUInt16BE(BINDING_SUCCESS, TYPE);
  response.writeUInt16BE(4 + valueBytes, LENGTH);
  packet.copy(response, MAGIC_COOKIE, MAGIC_COOKIE, HEADER_BYTES);
  response.writeUInt16BE(XOR_MAPPED_ADDRESS, HEADER_BYTES);
  response.writeUInt16BE(valueBytes, HEADER_BYTES + 2);
  response.writeUInt8(family, value + FAMILY);
  response.writeUInt16BE(port ^ (COOKIE >>> 16), value + PORT);
  // An IPv4 address is as long as the cookie; for IPv6 the transaction id, which follows it, hides the rest.
  for (const [i, octet] of octets.entries()) response[value + ADDRESS + i] = octet ^ packet[MAGIC_COOKIE + i]!;
  return response;
}

/** 4 or 16; an IPv4 address that came over an IPv6 socket is IPv4. Null for what is no address. */
function addressOctets(address: string): number[] | null {
  const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=[\d.]+$)/i, '');
  if (isIPv4(plain)) return plain.split('.').map(Number);
  return isIPv6(plain) ? groupsOf(plain).flatMap((group) => [group >>> 8, group & 0xff]) : null;
}

/** The eight 16-bit groups of a well-formed IPv6 address. */
function groupsOf(address: string): number[] {
  const [head, tail] = address.split('::').map((half) => half.split(':').filter(Boolean).flatMap(groupsOfPart));
  if (!tail) return head!;
  return [...head!, ...Array<number>(8 - head!.length - tail.length).fill(0), ...tail];
}

/** A part is a group, or the last two written as IPv4. */
function groupsOfPart(part: string): number[] {
  if (!isIPv4(part)) return [Number.parseInt(part, 16)];
  const [a, b, c, d] = part.split('.').map(Number) as [number, number, number, number];
  return [(a << 8) | b, (c << 8) | d];
}

function isBindingRequest(packet: Buffer): boolean {
  if (packet.length < HEADER_BYTES || packet.length > MAX_REQUEST_BYTES || packet.length % 4 !== 0) return false;
  const isComplete = packet.readUInt16BE(LENGTH) === packet.length - HEADER_BYTES;
  const isBinding = packet.readUInt16BE(TYPE) === BINDING_REQUEST && packet.readUInt32BE(MAGIC_COOKIE) === COOKIE;
  return isComplete && isBinding && hasOnlyOptionalAttributes(packet);
}

function hasOnlyOptionalAttributes(packet: Buffer): boolean {
  let at = HEADER_BYTES;
  while (at + 4 <= packet.length) {
    if (packet.readUInt16BE(at) < COMPREHENSION_OPTIONAL) return false;
    at += 4 + Math.ceil(packet.readUInt16BE(at + 2) / 4) * 4;
  }
  return at === packet.length;
}
