import { isIP } from 'node:net';
import { ipv6Groups } from './ip-address.ts';

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
/** A byte of zero, and the family. */
const FAMILY_IPV4 = 0x0001;
const FAMILY_IPV6 = 0x0002;
/** Attributes below this must be understood, or the request not answered as if they were (RFC 8489 section 14). */
const COMPREHENSION_OPTIONAL = 0x8000;
const MAX_REQUEST_BYTES = 548;

/**
 * @param address of the sender: dotted IPv4, or IPv6 as eight groups or shortened.
 * @returns the response, 32 bytes for IPv4 and 44 for IPv6; null for anything but a well-formed binding request, which is best ignored.
 */
export function answerBinding(packet: Buffer, address: string, port: number): Buffer | null {
  const bytes = addressBytes(address);
  if (!bytes || !isBindingRequest(packet)) return null;
  const attributeBytes = 4 + bytes.length;
  const response = Buffer.alloc(HEADER_BYTES + 4 + attributeBytes);
  response.writeUInt16BE(BINDING_SUCCESS, TYPE);
  response.writeUInt16BE(4 + attributeBytes, LENGTH);
  packet.copy(response, MAGIC_COOKIE, MAGIC_COOKIE, HEADER_BYTES);
  response.writeUInt16BE(XOR_MAPPED_ADDRESS, HEADER_BYTES);
  response.writeUInt16BE(attributeBytes, HEADER_BYTES + 2);
  response.writeUInt16BE(bytes.length === 4 ? FAMILY_IPV4 : FAMILY_IPV6, HEADER_BYTES + 4);
  response.writeUInt16BE(port ^ (COOKIE >>> 16), HEADER_BYTES + 6);
  // The cookie, and for IPv6 the transaction's number after it, hide the address from gateways that rewrite what looks like one.
  for (const [i, byte] of bytes.entries()) response[HEADER_BYTES + 8 + i] = byte ^ packet[MAGIC_COOKIE + i]!;
  return response;
}

/** Four or sixteen bytes; null for what is no address. */
function addressBytes(address: string): number[] | null {
  const family = isIP(address);
  if (family === 4) return address.split('.').map(Number);
  return family === 6 ? ipv6Groups(address).flatMap((group) => [group >>> 8, group & 0xff]) : null;
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
