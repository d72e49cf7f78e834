import { expect, test } from 'vitest';
import { readPageAddress, roomPath } from './page-address.ts';

const read = (path: string) => readPageAddress(new URL(path, 'https://room.example'));

test('an address with only a room leaves everything else to the defaults', () => {
  expect(read('/chat/AB2CD')).toEqual({
    code: 'AB2CD',
    refusedCode: null,
    joinKey: null,
    engine: 'auto',
    lendBytes: null,
    name: null,
    donates: true,
  });
});

test('every parameter is read', () => {
  expect(read('/chat/ab2cd?engine=cpu&lend=500000000&name=Kitchen%20tablet&donate=off')).toEqual({
    code: 'AB2CD',
    refusedCode: null,
    joinKey: null,
    engine: 'cpu',
    lendBytes: 500_000_000,
    name: 'Kitchen tablet',
    donates: false,
  });
});

test.each(['/', '/chat', '/chat/', '/donate'])('%s names no room', (path) => {
  expect(read(path)).toMatchObject({ code: null, refusedCode: null });
});

test('what cannot be a room code is kept for the page to say so', () => {
  expect(read('/chat/HELLO1')).toMatchObject({ code: null, refusedCode: 'HELLO1' });
});

test.each(['engine=gpu', 'lend=-5', 'lend=0', 'lend=1e9', 'lend=99999999999999999999', 'lend=', 'name=%20', 'donate=no'])(
  'a parameter that makes no sense counts as absent: %s',
  (query) => {
    expect(read(`/chat/AB2CD?${query}`)).toEqual(read('/chat/AB2CD'));
  },
);

test('a name is no longer than the wire allows', () => {
  expect(read(`/donate/AB2CD?name=${'x'.repeat(200)}`).name).toHaveLength(80);
});

test('the query travels into the room', () => {
  expect(roomPath('chat', 'AB2CD', { query: '?engine=cpu' })).toBe('/chat/AB2CD?engine=cpu');
});

test("a room's key stands in the fragment, which no server is sent", () => {
  const path = roomPath('donate', 'AB2CD', { joinKey: 'k0-_k0-_k0-_k0-_', query: '?engine=cpu' });
  expect(path).toBe('/donate/AB2CD?engine=cpu#k=k0-_k0-_k0-_k0-_');
  expect(read(path).joinKey).toBe('k0-_k0-_k0-_k0-_');
});

test.each(['', '#', '#k=', '#k=short', `#k=${'k'.repeat(17)}`, '#q=k0-_k0-_k0-_k0-_'])('"%s" is no key', (fragment) => {
  expect(read(`/chat/AB2CD${fragment}`).joinKey).toBeNull();
});
