import { expect, test } from 'vitest';
import { isTurn, parseIceUrl } from './ice-url.ts';

test.each([
  ['stun:edge.example', { scheme: 'stun', host: 'edge.example', port: null, transport: null }],
  ['stuns:edge.example:5349', { scheme: 'stuns', host: 'edge.example', port: 5349, transport: null }],
  ['stun:192.0.2.1:3478', { scheme: 'stun', host: '192.0.2.1', port: 3478, transport: null }],
  ['stun:[2001:db8::1]', { scheme: 'stun', host: '2001:db8::1', port: null, transport: null }],
  ['turn:[::1]:3478?transport=tcp', { scheme: 'turn', host: '::1', port: 3478, transport: 'tcp' }],
  ['turn:turn_1.edge.example?transport=udp', { scheme: 'turn', host: 'turn_1.edge.example', port: null, transport: 'udp' }],
  ['turns:localhost:443?transport=tcp', { scheme: 'turns', host: 'localhost', port: 443, transport: 'tcp' }],
])('%s is read', (text, url) => {
  expect(parseIceUrl(text)).toEqual(url);
});

test.each([
  '',
  'turn:',
  'http://edge.example',
  'turn://edge.example',
  'turn:edge.example:0',
  'turn:edge.example:65536',
  'turn:edge.example:',
  'turn:edge.example:port',
  'turn:2001:db8::1',
  'turn:[2001:db8::1',
  'turn:[edge.example]',
  'turn:[fe80::1%eth0]',
  'turn:192.0.2.256',
  'turn:192.0.2',
  'turn:user:word@edge.example',
  'turn:user@edge.example',
  'turn:edge.example?transport=sctp',
  'turn:edge.example?transport=',
  'turn:edge.example?udp',
  'turn:edge.example?transport=udp&x=1',
  'turn:edge.example/path',
  'turn:edge..example',
  'turn:-edge.example',
  'turn:edge example',
  // A browser takes no query with STUN.
  'stun:edge.example?transport=udp',
  `stun:${'a'.repeat(64)}.example`,
])('%s is refused: a browser throws at it, or could never reach it', (text) => {
  expect(parseIceUrl(text)).toBeNull();
});

test('TURN is told from STUN', () => {
  const isTurnUrl = (text: string) => isTurn(parseIceUrl(text)!);
  expect(['turn:a', 'turns:a', 'stun:a', 'stuns:a'].map(isTurnUrl)).toEqual([true, true, false, false]);
});
