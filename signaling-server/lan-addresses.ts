import { networkInterfaces } from 'node:os';

/** IPv4 addresses of this machine on its networks, home and office ranges first: phones are most likely there. */
export function lanAddresses(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter((entry) => entry.family === 'IPv4' && !entry.internal && !entry.address.startsWith('169.254.'))
    .map((entry) => entry.address);
  return [...new Set(addresses)].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** Private ranges of RFC 1918 in the order in which home routers use them. */
function rank(address: string): number {
  if (address.startsWith('192.168.')) return 0;
  if (address.startsWith('10.')) return 1;
  return /^172\.(1[6-9]|2\d|3[01])\./.test(address) ? 2 : 3;
}
