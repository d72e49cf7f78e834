import { type TestDevice, TestRoom } from './testing/room.ts';
import { describeTransportContract, type Received } from './testing/transport-contract.ts';

describeTransportContract('of the test room', async () => {
  const room = new TestRoom();
  const [one, two] = [await room.join(1), await room.join(2)];
  return {
    transports: [one, two],
    received: [recorded(one), recorded(two)],
    cut: () => room.cut(1, 2),
    close: () => {},
  };
});

/** Keeps what a device is given instead of working on it. */
function recorded(device: TestDevice): Received[] {
  const received: Received[] = [];
  device.receiveFrame = (from, item) => received.push({ from, item });
  device.receiveMessage = (from, item) => received.push({ from, item });
  device.stage.peerLost = () => received.push('lost');
  return received;
}
