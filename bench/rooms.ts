import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startServer } from '../e2e/server.ts';
import type { ModelSpec } from '../src/shared/model/model-spec.ts';
import { DEFAULT_MODEL_URL } from '../src/shared/model/room-settings.ts';
import { MAX_PEERS_PER_ROOM, PROTOCOL_VERSION } from '../src/shared/protocol/signaling.ts';
import { barLine } from './bar.ts';
import { countingRelay } from './rooms/counting-relay.ts';
import { processCpuMs } from './rooms/process-cpu.ts';
import { RoomClient } from './rooms/room-client.ts';

const LOADING_MS = 15_000;
/** As often as a tab tells how far it has loaded, ms. */
const TELL_MS = 250;
const PLAN_WITHIN_MS = 60_000;
const LAYER_BYTES = 40e6;

/** Three layers fit on each device, so that a plan has at least 16 stages. */
const spec: ModelSpec = {
  name: 'Bench',
  architecture: 'llama',
  quantisation: 'Q8_0',
  dim: 2048,
  nLayers: 48,
  nHeads: 32,
  nKvHeads: 4,
  headDim: 64,
  ffnDim: 5632,
  vocabSize: 32_000,
  contextLength: 2048,
  ropeTheta: 1e4,
  ropeDim: 64,
  rmsEps: 1e-5,
  tiedHead: false,
  layerBytes: Array<number>(48).fill(LAYER_BYTES),
  embeddingBytes: 70e6,
  headBytes: LAYER_BYTES,
};
const lendBytes = 3.2 * LAYER_BYTES;

/** `npm run bench:rooms`: what a room of so many tabs as it may have costs the server while all of them load their layers. */
export async function main(): Promise<void> {
  const server = await startServer(fileURLToPath(new URL('../dist/node/server.js', import.meta.url)));
  const relay = await countingRelay(server.port);
  const clients = Array.from({ length: MAX_PEERS_PER_ROOM }, () => new RoomClient(`http://127.0.0.1:${relay.port}`));
  try {
    await fillRoom(clients);
    const stages = await plannedStages(clients);
    const [startMs, startBytes, startCpuMs] = [performance.now(), relay.sentBytes(), processCpuMs(server.pid)];
    const loadedBytes = await load(clients);
    const elapsedMs = performance.now() - startMs;
    const megabytesPerSecond = (relay.sentBytes() - startBytes) / 1e3 / elapsedMs;
    const cpuPercent = ((processCpuMs(server.pid) - startCpuMs) / elapsedMs) * 100;
    await until('every tab knows what every other has loaded', () =>
      clients.every(({ room }) => room?.peers.every(({ progress }) => progress?.loadedBytes === loadedBytes)),
    );
    console.log(`${clients.length} tabs, a plan of ${stages} stages, ${(elapsedMs / 1000).toFixed(1)} s of loading\n`);
    console.log(barLine({ name: 'state-out', figure: megabytesPerSecond, limit: 1, sense: '<=', unit: 'MB/s' }));
    console.log(barLine({ name: 'state-cpu', figure: cpuPercent, limit: 10, sense: '<=', unit: '%' }));
  } finally {
    for (const client of clients) client.close();
    relay.close();
    await server.stop();
  }
}

/** One chat, which is the host, and donors; every device and every link is measured. */
async function fillRoom(clients: readonly RoomClient[]): Promise<void> {
  const [host] = clients;
  const made = await host!.ask('room:create', { version: PROTOCOL_VERSION, settings: {}, passphrase: null });
  for (const client of clients) {
    const isHost = client === host;
    await client.join({ code: made.code, joinKey: made.joinKey, hostKey: isHost ? made.hostKey : null }, !isHost);
  }
  await host!.ask('room:model', { modelUrl: DEFAULT_MODEL_URL, spec });
  await Promise.all(clients.map((client, i) => measure(client, clients.slice(0, i), i)));
}

async function measure(client: RoomClient, earlier: readonly RoomClient[], i: number): Promise<void> {
  const link = { rttMs: 2 + (i % 5), linkMbps: 50 + i };
  await Promise.all(earlier.map(({ peerId }) => client.ask('link:report', { to: peerId, link })));
  if (i === 0) return;
  const times = { decodeLayerMs: 4 + (i % 7), prefillLayerMsPerToken: 1, forwardOverheadMs: 1, headMs: 5 };
  const profile = { engine: 'webgpu', adapter: 'bench', ...times, lendBytes } as const;
  await client.ask('peer:profile', { profile, origin: 'measured' });
}

async function plannedStages(clients: readonly RoomClient[]): Promise<number> {
  await until('a plan is prepared', () => clients.every(({ prepared }) => prepared), PLAN_WITHIN_MS);
  return clients[0]!.prepared!.stages.length;
}

/** @returns what every client has loaded in the end */
async function load(clients: readonly RoomClient[]): Promise<number> {
  const rounds = LOADING_MS / TELL_MS;
  const shardBytes = 3 * LAYER_BYTES;
  const startMs = performance.now();
  let loadedBytes = 0;
  for (let round = 1; round <= rounds; round++) {
    loadedBytes = Math.round((shardBytes * round) / (rounds + 1));
    // Tabs speak one after the other within the time, not all at once.
    await Promise.all(
      clients.map(async (client, i) => {
        await wait((TELL_MS * i) / clients.length);
        // The plan may have become another in the meantime.
        await client.ask('peer:progress', { epoch: client.prepared!.epoch, loadedBytes, shardBytes });
      }),
    );
    await wait(Math.max(0, startMs + round * TELL_MS - performance.now()));
  }
  return loadedBytes;
}

async function until(what: string, holds: () => unknown, withinMs = 10_000): Promise<void> {
  for (const endMs = performance.now() + withinMs; !holds(); await wait(20)) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
  }
}
