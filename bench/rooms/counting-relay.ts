import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CountingRelay {
  port: number;
  /** Bytes that the server has sent to its clients so far. */
  sentBytes(): number;
  close(): void;
}

/** Stands between clients and a server on this machine and counts what the server sends, to all of them together. */
export async function countingRelay(serverPort: number): Promise<CountingRelay> {
  let sentBytes = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      sockets.add(socket);
      // Either end may break off at any time.
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    server.on('data', (bytes) => {
      sentBytes += bytes.length;
    });
    server.pipe(client).pipe(server);
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    sentBytes: () => sentBytes,
    close: () => {
      relay.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
