import { describe, expect, test } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { answer, candidate, offer, startMesh } from './testing/scripted-mesh.ts';

describe('who starts', () => {
  test('the newcomer makes a link to everyone before it, nobody to itself, and nobody twice', () => {
    const { mesh, links } = startMesh(3);
    mesh.setPeers([1, 2, 3]);
    mesh.setPeers([1, 2, 3]);
    expect(links.map(({ initiator }) => initiator)).toEqual([true, true]);
  });

  test('the other side answers an offer, also of a device that it has not been told of', () => {
    const { mesh, links } = startMesh(3);
    mesh.handleSignal(4, offer(1));
    mesh.setPeers([3]);
    mesh.setPeers([3, 4]);
    expect(links.map(({ initiator, closed }) => ({ initiator, closed }))).toEqual([{ initiator: false, closed: false }]);
    expect(links[0]!.signals).toEqual([{ type: 'offer', sdp: 'v=0\r\na=ice-ufrag:remote\r\n' }]);
  });

  test('an offer from the side that must not make one is ignored', () => {
    const { mesh, links } = startMesh(3);
    mesh.setPeers([1, 3]);
    mesh.handleSignal(1, offer(9));
    expect(links).toHaveLength(1);
    expect(links[0]!.signals).toEqual([]);
  });
});

describe('signals that come late, twice or too early', () => {
  test('a repeated or older offer is ignored, a newer one starts anew', () => {
    const { mesh, links } = startMesh(1);
    for (const attempt of [2, 2, 1]) mesh.handleSignal(2, offer(attempt));
    expect(links).toHaveLength(1);
    mesh.handleSignal(2, offer(3));
    expect(links.map(({ closed }) => closed)).toEqual([true, false]);
  });

  test('only the first answer to the current attempt counts', () => {
    const { mesh, links } = startMesh(2);
    mesh.setPeers([1, 2]);
    for (const attempt of [0, 2, 1, 1]) mesh.handleSignal(1, answer(attempt));
    expect(links[0]!.signals.map(({ type }) => type)).toEqual(['answer']);
  });

  test('candidates wait for their description, and those of another attempt are left out', () => {
    const { mesh, links } = startMesh(2);
    mesh.setPeers([1, 2]);
    for (const fragment of ['remote', 'old']) mesh.handleSignal(1, candidate(fragment));
    expect(links[0]!.signals).toEqual([]);
    mesh.handleSignal(1, answer(1));
    mesh.handleSignal(1, candidate('old'));
    mesh.handleSignal(1, candidate('remote'));
    expect(links[0]!.signals.slice(1)).toEqual([candidate('remote'), candidate('remote')]);
  });

  test('no signal brings back a device that has left, only the list of the room does', () => {
    const { mesh, links } = startMesh(1);
    mesh.setPeers([1, 2]);
    mesh.setPeers([1]);
    mesh.handleSignal(2, offer(1));
    expect(links).toEqual([]);
    expect(mesh.links).toEqual([]);
    mesh.setPeers([1, 2]);
    mesh.handleSignal(2, offer(2));
    expect(links).toHaveLength(1);
  });

  test('a device that counts its attempts anew, as it was told that this one had left, is linked again', () => {
    const { mesh, links } = startMesh(1);
    mesh.handleSignal(2, offer(5));
    links[0]!.events.onOpen();
    mesh.handleSignal(2, offer(1));
    expect(links).toHaveLength(1);
    links[0]!.events.onClosed(new AppError('peer-lost', ''));
    mesh.handleSignal(2, offer(1));
    expect(links).toHaveLength(2);
  });

  test('events of a connection that was replaced are not heard', () => {
    const { mesh, links, states } = startMesh(1);
    mesh.handleSignal(2, offer(1));
    mesh.handleSignal(2, offer(2));
    const before = states.length;
    links[0]!.events.onOpen();
    links[0]!.events.onClosed(new AppError('peer-lost', ''));
    expect(states).toHaveLength(before);
  });
});
