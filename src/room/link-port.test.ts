import { expect, test, vi } from 'vitest';
import { describeTransportContract, type Received } from '../pipeline/testing/transport-contract.ts';
import type { AppError } from '../shared/errors.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import { WorkerTransport } from '../workers/worker-transport.ts';
import { LinkPort } from './link-port.ts';

/** One tab: the transport of its worker, and the port to where its links are. */
function openTab(selfId: PeerId, onSend: (to: PeerId, data: ArrayBuffer | string) => void) {
  const received: Received[] = [];
  const badFrames: AppError[] = [];
  const port = new LinkPort(onSend);
  const transport = new WorkerTransport(selfId, port.workerEnd, {
    receiveFrame: (from, item) => received.push({ from, item }),
    receiveMessage: (from, item) => received.push({ from, item }),
    receiveBadFrame: (error) => badFrames.push(error),
    peerLost: () => received.push('lost'),
    linkOpened: () => {},
  });
  return { transport, port, received, badFrames, close: () => port.close() };
}

describeTransportContract('of a worker, over its port', async () => {
  let isLinked = true;
  const tabs = [1, 2].map((selfId) =>
    openTab(selfId, (to, data) => {
      if (!isLinked) return;
      const { port } = tabs[to - 1]!;
      if (typeof data === 'string') port.bringMessage(selfId, JSON.parse(data));
      else port.bringFrame(selfId, data);
    }),
  );
  const [one, two] = [tabs[0]!, tabs[1]!];
  const tell = (open: boolean) => {
    isLinked = open;
    one.port.linkChanged(2, 'two', open);
    two.port.linkChanged(1, 'one', open);
  };
  tell(true);
  await vi.waitFor(() => expect([one.transport.isOpen(2), two.transport.isOpen(1)]).toEqual([true, true]));
  return {
    transports: [one.transport, two.transport],
    received: [one.received, two.received],
    cut: () => tell(false),
    close: () => tabs.forEach(({ close }) => void close()),
  };
});

test('bytes that are no frame are told and dropped', async () => {
  const tab = openTab(1, () => {});
  tab.port.linkChanged(2, 'two', true);
  tab.port.bringFrame(2, new ArrayBuffer(8));
  await vi.waitFor(() => expect(tab.badFrames.map(({ code }) => code)).toEqual(['frame-malformed']));
  expect(tab.received).toEqual([]);
  tab.close();
});

test('what is to act after the way of a frame does so after all that was brought before it', async () => {
  const tab = openTab(1, () => {});
  tab.port.linkChanged(2, 'two', true);
  tab.port.bringMessage(2, { kind: 'free', sequence: 1 });
  const receivedThen = await new Promise((resolve) => tab.port.viaWorker(() => resolve([...tab.received])));
  expect(receivedThen).toEqual([{ from: 2, item: { kind: 'free', sequence: 1 } }]);
  tab.close();
});

test('a link that is told twice to be closed is lost once', async () => {
  const tab = openTab(1, () => {});
  for (const open of [false, true, true, false, false]) tab.port.linkChanged(2, 'two', open);
  await new Promise<void>((resolve) => tab.port.viaWorker(resolve));
  expect(tab.received).toEqual(['lost']);
  tab.close();
});
