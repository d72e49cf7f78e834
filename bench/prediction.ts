import { execSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { launchBrowser } from '../e2e/browser.ts';
import { type Server, startServer } from '../e2e/server.ts';
import {
  ask,
  type ChatTab,
  createRoom,
  openDonor,
  type PlanView,
  readView,
  shareBytes,
  waitForModel,
  waitForStages,
} from '../e2e/tabs.ts';
import { type Bar, barLine } from './bar-line.ts';
import { type HostSpec, type LabHost, makeLab } from './prediction/lab.ts';
import { writeModel } from './prediction/model.ts';
import { table } from './table.ts';

/**
 * Does a room take the time that its planner predicts, and does the planner choose the best plan? Real tabs on emulated
 * hosts of different speeds and distances; the planner knows only what the tabs measured through the emulation.
 */
const HOSTS: HostSpec[] = [
  { name: 'server', delayMs: 0, rateMbps: 0, cpuShare: null },
  { name: 'chat', delayMs: 2, rateMbps: 40, cpuShare: null },
  { name: 'near', delayMs: 2, rateMbps: 40, cpuShare: 0.25 },
  { name: 'middle', delayMs: 6, rateMbps: 20, cpuShare: 0.5 },
  { name: 'far', delayMs: 15, rateMbps: 8, cpuShare: null },
];

/** Donors of each measured plan, in any order; together they just hold the model, so that all are needed. */
const TEAMS = [['near'], ['middle'], ['far'], ['near', 'middle'], ['near', 'far'], ['middle', 'far'], ['near', 'middle', 'far']];
const ANSWERS = 3;
const TOKENS = 48;
/** Longer than a device waits before it measures itself in calm, and takes to do it. */
const SETTLED_MS = 12_000;
const PROMPT = { text: 'Once upon a time' };

interface Measured {
  team: string;
  /** Who has which layers: the same plan in two rooms is the same. */
  layers: string;
  predictedMs: number;
  answersMs: number[];
}

interface Bench {
  server: Server;
  modelUrl: string;
  hosts: Map<string, LabHost>;
  browsers: Map<string, Browser>;
}

export async function main(): Promise<void> {
  const root = fileURLToPath(new URL('..', import.meta.url));
  execSync('npm run --silent build', { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const lab = await makeLab(HOSTS);
  const hosts = new Map(lab.hosts.map((host) => [host.name, host]));
  const serverHost = hosts.get('server')!;
  const model = await writeModel();
  const args = ['--host', '0.0.0.0', '--models', model.folder];
  const server = await startServer(`${root}dist/node/server.js`, args, serverHost.runner);
  const browsers = new Map<string, Browser>();
  try {
    const origin = `http://${serverHost.address}:${server.port}`;
    for (const { name, browserPath } of lab.hosts.slice(1)) {
      const args = [`--unsafely-treat-insecure-origin-as-secure=${origin}`];
      browsers.set(name, await launchBrowser({ executablePath: browserPath, args }));
    }
    report(await measureAll({ server: { ...server, url: origin }, modelUrl: model.url, hosts, browsers }));
  } finally {
    for (const browser of browsers.values()) await browser.close();
    await server.stop();
    lab.remove();
    model.remove();
  }
}

async function measureAll(bench: Bench): Promise<{ teams: Measured[]; choice: Measured }> {
  const teams: Measured[] = [];
  for (const team of TEAMS) {
    const measured = await inRoom(bench, async (chat) => {
      const { room } = await waitForModel(chat.page);
      const { nLayers } = room!.model!;
      for (const [i, name] of team.entries()) {
        const layers = Math.floor(((i + 1) * nLayers) / team.length) - Math.floor((i * nLayers) / team.length);
        await donate(bench, chat, name, shareBytes(room!.model!, layers, i === team.length - 1));
      }
      return measure(chat.page, team.length, team.join(' + '));
    });
    teams.push(measured);
  }
  const choice = await inRoom(bench, async (chat) => {
    const { room } = await waitForModel(chat.page);
    const whole = shareBytes(room!.model!, room!.model!.nLayers, true);
    for (const { name } of HOSTS.slice(2)) await donate(bench, chat, name, whole);
    await chat.page.waitForFunction((donors) => {
      const { edgeshard } = globalThis as unknown as {
        edgeshard: { view: { room: { peers: { profile: unknown }[]; links: unknown[]; plan: unknown } } };
      };
      const { peers, links, plan } = edgeshard.view.room;
      return plan && peers.filter(({ profile }) => profile).length === donors && links.length === (donors * (donors + 1)) / 2;
    }, HOSTS.length - 2);
    return measure(chat.page, null, 'free choice');
  });
  return { teams, choice };
}

async function inRoom(bench: Bench, work: (chat: ChatTab) => Promise<Measured>): Promise<Measured> {
  const tab = { engine: 'cpu', name: 'chat', donate: false, grantMedia: false };
  const chat = await createRoom(bench.browsers.get('chat')!, bench.server.url, tab, { modelUrl: bench.modelUrl });
  const measured = await work(chat);
  for (const browser of bench.browsers.values()) await Promise.all(browser.contexts().map((context) => context.close()));
  return measured;
}

async function donate(bench: Bench, chat: ChatTab, name: string, lendBytes: number): Promise<void> {
  await openDonor(bench.browsers.get(name)!, bench.server.url, chat, { engine: 'cpu', name, lendBytes, grantMedia: false });
}

async function measure(page: Page, stages: number | null, team: string): Promise<Measured> {
  if (stages !== null) await waitForStages(page, stages);
  await ask(page, PROMPT, { maxTokens: stages === null ? 100 : 8, endless: true });
  const view = await settled(page);
  const plan = view.room!.plan!;
  const times: number[] = [];
  for (let i = 0; i < ANSWERS; i++) times.push((await ask(page, PROMPT, { maxTokens: TOKENS, endless: true })).msPerToken);
  const names = new Map(view.room!.peers.map(({ peerId, name }) => [peerId, name]));
  const layers = layersOf(plan, names);
  const measured = { team, layers, predictedMs: plan.predicted.msPerToken, answersMs: times };
  const after = (await readView(page)).room!.plan!;
  process.stdout.write(
    `${team}: ${layers}: measured ${words(times)} ms\n  ${await page.getByTestId('plan-why').textContent()}\n`,
  );
  for (const { peerId } of plan.leftOut) {
    const state = page.locator(`[data-testid=device][data-peer-id="${peerId}"] .device-state`);
    process.stdout.write(`  without ${names.get(peerId)}: ${await state.textContent()}\n`);
  }
  for (const [when, { epoch, predicted }] of [['before', plan] as const, ['after', after] as const]) {
    const parts = `stages ${words(predicted.stageMs)}, links ${words(predicted.linkMs)}`;
    process.stdout.write(`  predicted ${when}: ${predicted.msPerToken.toFixed(1)} ms (${parts}), plan ${epoch}\n`);
  }
  return measured;
}

function words(times: readonly number[]): string {
  return times.map((ms) => ms.toFixed(1)).join(' ');
}

/** Devices measure themselves again once they have been idle for a while: the room as it is when nothing of it changes any more. */
async function settled(page: Page) {
  let before = '';
  let sinceMs = performance.now();
  for (;;) {
    const view = await readView(page);
    const { plan, peers, links } = view.room!;
    const now = JSON.stringify([plan, peers.map(({ profile }) => profile), links]);
    if (now !== before) sinceMs = performance.now();
    else if (performance.now() - sinceMs > SETTLED_MS) return view;
    before = now;
    await page.waitForTimeout(500);
  }
}

function layersOf({ stages }: PlanView, names: Map<number, string>): string {
  return stages.map(({ peerId, layers }) => `${names.get(peerId)} ${layers.startLayer}-${layers.endLayer - 1}`).join(', ');
}

function report({ teams, choice }: { teams: Measured[]; choice: Measured }): void {
  const rooms = [...teams, choice];
  const measuredMs = ({ answersMs }: Measured) => median(answersMs);
  const error = (one: Measured) => (100 * Math.abs(one.predictedMs - measuredMs(one))) / measuredMs(one);
  const rows = rooms.map((one) => [
    `${one.team}: ${one.layers}`,
    one.predictedMs.toFixed(1),
    measuredMs(one).toFixed(1),
    error(one).toFixed(1),
  ]);
  process.stdout.write(`\n${table([['plan', 'predicted ms', 'measured ms', 'error %'], ...rows])}\n\n`);
  // A room that chose what a team was held to ran the same plan: its answers count for that plan, like the team's.
  const planMs = (layers: string) => median(rooms.flatMap((one) => (one.layers === layers ? one.answersMs : [])));
  const bestMs = Math.min(...rooms.map(({ layers }) => planMs(layers)));
  const bars: Bar[] = [
    { name: 'prediction-error', figure: median(rooms.map(error)), limit: 15, sense: '<=', unit: '%' },
    { name: 'choice-regret', figure: 100 * (planMs(choice.layers) / bestMs - 1), limit: 5, sense: '<=', unit: '%' },
  ];
  for (const bar of bars) process.stdout.write(`${barLine(bar)}\n`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
