/** Random bits as hexadecimal text, two characters a byte. `crypto.randomUUID` is missing on plain http at a LAN name. */
export function randomHex(byteCount: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(byteCount));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
