/**
 * Our engines beside other ways to run the same file in a browser. The rows take turns, so that whatever slows the machine
 * for a while slows them all. `npm run bench:engine -- [--full] [--models a,b] [--rounds N] [--rows ours,ort,wllama] [--json FILE]`
 *
 * Peers are installed beside this file: `npm ci --prefix bench`.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { ViteDevServer } from 'vite';
import { type Bar, barLine, brief } from './bar-line.ts';
import { type ModelRows, modelBars, ortRatios } from './engine/bars.ts';
import { ourBytes, peerBytes } from './engine/download-size.ts';
import { loadPeakBars, SHARD } from './engine/load-peak.ts';
import { DEFAULT_MODELS, FULL_MODELS, modelUrl } from './engine/models.ts';
import { CONTEXTS, ENTRIES, type Entry, PREFILLS, type Row, RunningRow } from './engine/row.ts';
import { table } from './table.ts';

const JS_LIMIT_KB = 150;

/** Of an answer of usual length. */
const ANSWER_TOKENS = 96;

const say = (line: string) => process.stdout.write(`${line}\n`);

export async function main(args: string[], server: ViteDevServer): Promise<void> {
  const options = parse(args);
  const entries = ENTRIES.filter(({ page }) => options.rows.includes(page));
  const ours = await ourBytes(server.config.configFile!);
  const downloads: Record<string, number | null> = { ours };
  for (const peer of ['ort', 'wllama']) downloads[peer] = havePeers() ? await peerBytes(peer) : null;
  const bars: Bar[] = [{ name: 'js-compressed', figure: ours / 1000, limit: JS_LIMIT_KB, sense: '<=', unit: 'kB' }];
  for (const bar of bars) say(barLine(bar));
  const models: ModelRows[] = [];
  const speedBars = async (model: string): Promise<Bar[]> => {
    const asked = model.startsWith('layers22') ? ownEntries(entries) : entries;
    const measured = await measureModel(model, asked, server, options.rounds);
    models.push(measured);
    report(measured, downloads);
    for (const { name, ratio, isRight } of ortRatios(measured)) {
      if (!isRight) say(`${name} ${model} ${brief(ratio)} x, no promise: onnxruntime-web's tokens are wrong there`);
    }
    return modelBars(measured);
  };
  for (const model of options.models) {
    const ofModel = model === SHARD ? await loadPeakBars(server) : await speedBars(model);
    for (const bar of ofModel) say(barLine(bar));
    bars.push(...ofModel);
  }
  if (options.json) await writeFile(options.json, `${JSON.stringify({ models, downloads, bars }, null, 1)}\n`);
  say('\nAll of them:');
  for (const bar of bars) say(barLine(bar));
}

function parse(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      full: { type: 'boolean', default: false },
      models: { type: 'string' },
      rounds: { type: 'string', default: '3' },
      rows: { type: 'string', default: havePeers() ? 'ours,ort,wllama' : 'ours' },
      json: { type: 'string' },
    },
  });
  return {
    models: values.models?.split(',') ?? (values.full ? FULL_MODELS : DEFAULT_MODELS),
    rounds: Number(values.rounds),
    rows: values.rows.split(','),
    json: values.json,
  };
}

function havePeers(): boolean {
  return existsSync('bench/node_modules/@wllama/wllama');
}

async function measureModel(model: string, entries: readonly Entry[], server: ViteDevServer, rounds: number): Promise<ModelRows> {
  say(`\n${model}`);
  const url = await modelUrl(model);
  const running: RunningRow[] = [];
  try {
    for (const entry of entries) {
      const row = await RunningRow.start(entry, server, url).catch((thrown: Error) => sayAbsent(entry, thrown));
      if (row) running.push(row);
    }
    for (let round = 0; round < rounds; round++) for (const row of [...running]) await takeRound(row, running);
    const rows: Row[] = [];
    for (const row of running) rows.push(await row.result());
    return { model, rows };
  } finally {
    for (const row of running) await row.stop();
  }
}

/**
 * What it costs to encode many layers is no question to the peers, and is asked over a whole answer: the first
 * tokens run on code that the browser has not compiled yet.
 */
function ownEntries(entries: readonly Entry[]): Entry[] {
  return entries.filter(({ page }) => page === 'ours').map((entry) => ({ ...entry, steps: ANSWER_TOKENS }));
}

/** A peer that breaks in the middle of a model is out for that model; what we measure of ourselves must not break. */
async function takeRound(row: RunningRow, running: RunningRow[]): Promise<void> {
  try {
    await row.round();
  } catch (thrown) {
    if (row.entry.page === 'ours') throw thrown;
    say(`${row.entry.title}: broke: ${(thrown as Error).message.split('\n')[0]}`);
    running.splice(running.indexOf(row), 1);
    await row.stop();
  }
}

/** Only a back end that says itself that it cannot run here may be missing. */
function sayAbsent({ title }: Entry, thrown: Error): null {
  const reason = /not run: .*/.exec(thrown.message)?.[0];
  if (!reason) throw thrown;
  say(`${title}: ${reason}`);
  return null;
}

function report({ rows }: ModelRows, downloads: Record<string, number | null>): void {
  const heads = [
    ...CONTEXTS.map((context) => `ms/token at ${context}`),
    ...PREFILLS.map((count) => `prefill ${count}, tok/s`),
    'load, s',
    'peak, MB',
    'JS+WASM, kB',
  ];
  const lines = rows.map((row) => [
    row.title,
    ...CONTEXTS.map((context) => brief(row.decodeMs[context]!)),
    ...PREFILLS.map((count) => brief(row.prefillPerSecond[count]!)),
    brief(row.loadMs / 1000),
    row.peakBytes === null ? '-' : brief(row.peakBytes / 1e6),
    kilobytes(downloads[ENTRIES.find(({ title }) => title === row.title)!.page]),
    row.backend,
  ]);
  say(table([['', ...heads, 'what ran'], ...lines]));
}

function kilobytes(bytes: number | null | undefined): string {
  return bytes == null ? '-' : String(Math.round(bytes / 1000));
}
