import * as v from 'valibot';
import { expect, test } from 'vitest';
import { clientEvents } from '../src/shared/protocol/signaling.ts';
import { iceServersFor, type NamedIce, TURN_LIFETIME_S } from './ice.ts';

const nowS = 1_800_000_000.7;
const own: NamedIce = { urls: [], access: null };
const iceSchema = clientEvents['room:join'].reply.entries.iceServers;

test('tabs on this machine need no address service, others use the server by the name they know', () => {
  for (const host of ['localhost:8080', '127.0.0.1:8080', '[::1]:8080']) {
    expect(iceServersFor(host, 3478, own, nowS)).toEqual([]);
  }
  expect(iceServersFor('192.168.1.5:8443', 3478, own, nowS)).toEqual([{ urls: 'stun:192.168.1.5:3478' }]);
  expect(iceServersFor('[fd00::5]:8443', 3478, own, nowS)).toEqual([{ urls: 'stun:[fd00::5]:3478' }]);
  expect(iceServersFor('[fd00::5]', 3478, own, nowS)).toEqual([{ urls: 'stun:[fd00::5]:3478' }]);
  expect(iceServersFor('edge.example', 3478, own, nowS)).toEqual([{ urls: 'stun:edge.example:3478' }]);
  expect(iceServersFor('192.168.1.5:8443', null, own, nowS)).toEqual([]);
});

test.each(['', 'a b:1', '"><', '[fd00::5', '[::::]:1', '[a.b]:1', '[fe80::1%eth0]:1', 'fd00::5', '[fd00::5]x'])(
  'a Host of %j, which is none, gets nothing',
  (host) => {
    expect(iceServersFor(host, 3478, own, nowS)).toEqual([]);
  },
);

test('the operator’s services take the place of this server’s own; TURN among them gets its name and word', () => {
  const access = { kind: 'fixed', username: 'u', credential: 'w' } as const;
  const servers = iceServersFor('localhost', 3478, { urls: ['stun:a', 'turn:b', 'turns:[::1]:1'], access }, nowS);
  expect(servers).toEqual([
    { urls: 'stun:a' },
    { urls: 'turn:b', username: 'u', credential: 'w' },
    { urls: 'turns:[::1]:1', username: 'u', credential: 'w' },
  ]);
  expect(v.is(iceSchema, servers)).toBe(true);
});

test('of a shared secret come credentials that coturn takes, and that end', () => {
  const access = { kind: 'secret', secret: 'north' } as const;
  const at = (nowS: number) => iceServersFor('localhost', null, { urls: ['turn:b'], access }, nowS)[0];
  // printf 1800043200 | openssl dgst -sha1 -hmac north -binary | base64
  expect(at(nowS)).toEqual({ urls: 'turn:b', username: '1800043200', credential: 'dPshDlXpQoq4gPyd8eJn9iQqydI=' });
  expect(at(nowS + 60)?.username).toBe(String(1_800_000_060 + TURN_LIFETIME_S));
  expect(at(nowS + 60)?.credential).not.toBe(at(nowS)?.credential);
});
