import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright';
import { launchBrowser } from '../../e2e/browser.ts';
import { type Server, startServer } from '../../e2e/server.ts';
import { type Answer, ask, createRoom, openDonor, type View, waitForModel, waitForStages } from '../../e2e/tabs.ts';
import { lendShares } from './lend-shares.ts';
import { type DemoOptions, parseDemoOptions, USAGE } from './options.ts';
import { type Report, reportOf } from './report.ts';

/** Both bundles lie side by side. */
const serverFile = fileURLToPath(new URL(/* @vite-ignore */ 'server.js', import.meta.url));

const say = (line: string) => process.stdout.write(`${line}\n`);

async function main(args: string[]): Promise<void> {
  if (args.includes('--help')) {
    say(USAGE);
    return;
  }
  const options = parseDemoOptions(args);
  const model = localModel(options.model);
  const server = await startServer(serverFile, model ? ['--models', model.folder] : []);
  try {
    const browser = await launchBrowser();
    try {
      const report = await runDemo(browser, server, options, model?.url ?? options.model ?? undefined);
      if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
    } finally {
      await browser.close();
    }
  } finally {
    await server.stop();
  }
}

/** A file on this machine is served by the demo's own server. */
function localModel(model: string | null): { folder: string; url: string } | null {
  if (model === null || !existsSync(model)) return null;
  const path = resolve(model);
  return { folder: dirname(path), url: `/models/${basename(path)}` };
}

async function runDemo(browser: Browser, server: Server, options: DemoOptions, modelUrl: string | undefined): Promise<Report> {
  const { engine, donors } = options;
  const room = modelUrl === undefined ? {} : { modelUrl };
  const chat = await createRoom(browser, server.url, { engine, name: 'chat', donate: false }, room);
  say(`Room ${chat.code} on ${server.url}: a chat tab and ${donors} donor tabs (${engine})`);
  const shares = await sharesOf(chat.page, donors);
  for (const [i, lendBytes] of shares.entries()) {
    await openDonor(browser, server.url, chat, { engine, name: `donor ${i + 1}`, lendBytes });
  }
  const view = await waitForStages(chat.page, shares.length);
  say(`They lend ${shares.map(megabytes).join(', ')}: just enough together, so that the model needs them all.`);
  const answer = await tell(chat.page, view, options);
  const report = reportOf(view, answer, await server.modelRequests());
  sayReport(report);
  return report;
}

async function sharesOf(page: Page, donors: number): Promise<number[]> {
  const { room, error } = await waitForModel(page);
  if (!room?.model) throw new Error(error?.message ?? 'the model could not be opened');
  const { model } = room;
  say(`Model ${model.name}, ${model.nLayers} layers, ${model.quantisation}`);
  const stages = Math.min(donors, model.nLayers);
  if (stages < donors) say(`The model has ${model.nLayers} layers: only ${stages} donors can take part.`);
  return lendShares(model, stages);
}

async function tell(page: Page, view: View, { prompt, maxTokens, temperature }: DemoOptions): Promise<Answer> {
  for (const line of await planLines(page, view)) say(line);
  say(`\n> ${prompt}\n`);
  const onText = (text: string) => void process.stdout.write(text);
  const answer = await ask(page, { messages: [{ role: 'user', content: prompt }] }, { maxTokens, temperature, onText });
  say('\n');
  return answer;
}

async function planLines(page: Page, { room }: View): Promise<string[]> {
  const { peers, plan } = room!;
  const stages = plan!.stages.map(({ peerId, layers, head }) => {
    const { name, profile } = peers.find((peer) => peer.peerId === peerId)!;
    const measured = `${profile!.decodeLayerMs.toFixed(2)} ms per layer, ${profile!.forwardOverheadMs.toFixed(1)} ms per forward`;
    const held = `layers ${layers.startLayer}-${layers.endLayer - 1}${head ? ' and the head' : ''}`;
    return `  ${name}: ${held} (${profile!.adapter}; ${measured})`;
  });
  const why = (await page.getByTestId('plan-why').textContent())?.trim();
  return ['Plan:', ...stages, `  ${why}`];
}

function sayReport({ devices, answer }: Report): void {
  for (const { name, downloadedBytes } of devices)
    if (downloadedBytes > 0) say(`${name} downloaded ${megabytes(downloadedBytes)}`);
  const perSecond = answer.msPerToken > 0 ? 1000 / answer.msPerToken : 0;
  say(
    `${answer.ids.length} tokens, first after ${answer.timeToFirstTokenMs.toFixed(0)} ms, then ${perSecond.toFixed(1)} tokens/s`,
  );
  say(`Token ids: ${answer.ids.join(' ')}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : thrown}\n`);
  process.exitCode = 1;
});
