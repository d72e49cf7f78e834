import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between clients and a server on this machine and counts what the server sends, whatever the transport. */
export interface CountingRelay {
  port: number;
  /** Bytes from the server to all clients so far. */
  readonly sentBytes: number;
  close(): Promise<void>;
}

export async function startCountingRelay(serverPort: number): Promise<CountingRelay> {
  let sentBytes = 0;
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const server = connect(serverPort, '127.0.0.1');
    server.on('data', (data) => {
      sentBytes += data.length;
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => sockets.delete(one));
    }
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return {
    port: (relay.address() as AddressInfo).port,
    get sentBytes() {
      return sentBytes;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => relay.close(resolve));
    },
  };
}
