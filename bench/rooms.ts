import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startServer } from '../e2e/server.ts';
import type { DeviceProfile } from '../src/shared/model/device-profile.ts';
import { MAX_PEERS_PER_ROOM } from '../src/shared/model/limits.ts';
import type { ModelSpec } from '../src/shared/model/model-spec.ts';
import { DEFAULT_MODEL_URL } from '../src/shared/model/room-settings.ts';
import { BEAT_INTERVAL_MS, PROTOCOL_VERSION } from '../src/shared/protocol/signaling.ts';
import { type Bar, barLine } from './bar-line.ts';
import { startCountingRelay } from './rooms/counting-relay.ts';
import { RoomClient } from './rooms/room-client.ts';

/**
 * What does a room of 32 tabs cost its server while all of them load? The built server, real sockets, every link measured, a plan with
 * a stage on every device, and everybody telling its progress as often as a tab does.
 */
const PLAN_LIMIT_MS = 60_000;
const LOADING_MS = 15_000;
const PROGRESS_INTERVAL_MS = 250;
/** A clock tick of /proc, ms. */
const TICK_MS = 10;
const LAYERS = MAX_PEERS_PER_ROOM;

/** Llama 2 7B. */
const spec: ModelSpec = {
  name: 'bench',
  architecture: 'llama',
  quantisation: 'Q4_0',
  dim: 4096,
  nLayers: LAYERS,
  nHeads: 32,
  nKvHeads: 32,
  headDim: 128,
  ffnDim: 11_008,
  vocabSize: 32_000,
  contextLength: 2048,
  ropeTheta: 1e4,
  ropeDim: 128,
  rmsEps: 1e-5,
  tiedHead: false,
  layerBytes: Array(LAYERS).fill(110e6),
  embeddingBytes: 70e6,
  headBytes: 70e6,
};

export async function main(): Promise<void> {
  const server = await startServer(fileURLToPath(new URL('../dist/node/server.js', import.meta.url)));
  const relay = await startCountingRelay(server.port);
  const clients = Array.from({ length: MAX_PEERS_PER_ROOM }, () => new RoomClient(`http://127.0.0.1:${relay.port}`));
  try {
    await fillRoom(clients);
    const { bytesPerSecond, cpuShare } = await measureLoading(clients, server.pid, () => relay.sentBytes);
    const stages = clients[0]!.preparing?.stages.length ?? 0;
    console.log(`${clients.length} tabs, a plan of ${stages} stages, ${LOADING_MS / 1000} s of loading`);
    const bars: Bar[] = [
      { name: 'state-out', figure: bytesPerSecond / 1e6, limit: 1, sense: '<=', unit: 'MB/s' },
      { name: 'state-cpu', figure: 100 * cpuShare, limit: 10, sense: '<=', unit: '%' },
    ];
    for (const bar of bars) console.log(barLine(bar));
  } finally {
    for (const client of clients) client.close();
    await relay.close();
    await server.stop();
  }
}

/** Everybody joins by the link, has measured itself and every link, and hears of the plan. */
async function fillRoom(clients: readonly RoomClient[]): Promise<void> {
  const [host] = clients;
  const room = await host!.ask('room:create', { version: PROTOCOL_VERSION, settings: {}, passphrase: null });
  for (const [i, client] of clients.entries()) {
    const identity = {
      version: PROTOCOL_VERSION,
      code: room.code,
      hostKey: client === host ? room.hostKey : null,
      joinKey: room.joinKey,
      passphrase: null,
      tabKey: String(i).padStart(32, '0'),
      name: `device ${i}`,
      donates: true,
      chats: client === host,
    } as const;
    client.peerId = (await client.ask('room:join', identity)).peerId;
  }
  await host!.ask('room:model', { modelUrl: DEFAULT_MODEL_URL, spec });
  await Promise.all(clients.map((client) => client.ask('peer:profile', { profile: profile(client.peerId), origin: 'measured' })));
  for (const client of clients) {
    const others = clients.filter(({ peerId }) => peerId < client.peerId);
    const link = { rttMs: 2, linkMbps: 100 };
    await Promise.all(others.map(({ peerId }) => client.ask('link:report', { to: peerId, link })));
  }
  const beating = setInterval(() => void Promise.all(clients.map((client) => client.ask('beat', {}))), BEAT_INTERVAL_MS);
  try {
    const startMs = performance.now();
    while (!host!.preparing) {
      if (performance.now() - startMs > PLAN_LIMIT_MS) throw new Error(`no plan within ${PLAN_LIMIT_MS / 1000} s`);
      await pause(100);
    }
  } finally {
    clearInterval(beating);
  }
}

/** Room for one layer with its keys and values, and the head or the embedding: everybody is needed. */
function profile(peerId: number): DeviceProfile {
  const times = { decodeLayerMs: 2 + peerId / 100, prefillLayerMsPerToken: 0.5, forwardOverheadMs: 1, headMs: 3 };
  return { engine: 'webgpu', adapter: 'bench', ...times, lendBytes: 250e6 };
}

async function measureLoading(clients: readonly RoomClient[], pid: number, sentBytes: () => number) {
  const shardBytes = 110e6;
  const start = { atMs: performance.now(), bytes: sentBytes(), cpuMs: await cpuMsOf(pid) };
  let beatMs = 0;
  for (let loadedBytes = 1; performance.now() - start.atMs < LOADING_MS; loadedBytes += 1e6) {
    const roundMs = performance.now();
    const epoch = clients[0]!.preparing!.epoch;
    await Promise.all(
      clients.map((client) => client.ask('peer:progress', { epoch, loadedBytes: Math.round(loadedBytes), shardBytes })),
    );
    if (roundMs - beatMs >= BEAT_INTERVAL_MS) {
      beatMs = roundMs;
      await Promise.all(clients.map((client) => client.ask('beat', {})));
    }
    await pause(Math.max(0, PROGRESS_INTERVAL_MS - (performance.now() - roundMs)));
  }
  const elapsedMs = performance.now() - start.atMs;
  return {
    bytesPerSecond: ((sentBytes() - start.bytes) * 1000) / elapsedMs,
    cpuShare: ((await cpuMsOf(pid)) - start.cpuMs) / elapsedMs,
  };
}

/** All threads of a process, in user mode and in the kernel: fields 14 and 15 of proc(5), after the name in brackets. */
async function cpuMsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
