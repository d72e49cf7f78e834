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

/**
 * @param address dotted IPv4 of the sender.
 * @returns the response, 32 bytes; null for anything but a well-formed binding request, which is best ignored.
 */
export function answerBinding(packet: Buffer, address: string, port: number): Buffer | null {
  const octets = address.split('.').map(Number);
  if (!isBindingRequest(packet) || octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255))) return null;
  const response = Buffer.alloc(HEADER_BYTES + 12);
  response.writeUInt16BE(BINDING_SUCCESS, TYPE);
  response.writeUInt16BE(12, LENGTH);
  packet.copy(response, MAGIC_COOKIE, MAGIC_COOKIE, HEADER_BYTES);
  response.writeUInt16BE(XOR_MAPPED_ADDRESS, HEADER_BYTES);
  response.writeUInt16BE(8, HEADER_BYTES + 2);
  // One byte of zero, then the family: 1 is IPv4.
  response.writeUInt16BE(1, HEADER_BYTES + 4);
  response.writeUInt16BE(port ^ (COOKIE >>> 16), HEADER_BYTES + 6);
  for (const [i, octet] of octets.entries()) response[HEADER_BYTES + 8 + i] = octet ^ packet[MAGIC_COOKIE + i]!;
  return response;
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
