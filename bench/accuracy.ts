/**
 * How faithful the engines are: distance of their next-token distributions from a float64 evaluation of the same file,
 * beside llama.cpp's. `npm run accuracy -- [--json FILE] [--no-browser] [FORMAT ...]`
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import type { ViteDevServer } from 'vite';
import { launchBrowser } from '../e2e/browser.ts';
import { createCpuEngine } from '../src/engine/cpu/cpu-engine.ts';
import { createProcessorEngine } from '../src/engine/wasm/processor-engine.ts';
import { memorySource } from '../src/gguf/byte-source.ts';
import { accuracyBars } from './accuracy/bars.ts';
import { engineHere, engineInPage, GREEDY_TOKENS, type MeasuredEngine, rowsOf } from './accuracy/engines.ts';
import { type ExactText, exactText, type Fidelity, FidelitySum } from './accuracy/evaluate.ts';
import { float64Logits, loadFloat64 } from './accuracy/float64.ts';
import type { EngineGreedy } from './accuracy/greedy.ts';
import { GreedyComparison, recordedPrompts } from './accuracy/greedy-comparison.ts';
import { type LlamaFixture, type LlamaText, readLlamaFixture } from './accuracy/llama-fixture.ts';
import { type FileAccuracy, halfWireRow, OURS, ROWS } from './accuracy/results.ts';
import { barLine, brief } from './bar-line.ts';
import { openPage } from './browser/open-page.ts';
import { table } from './table.ts';

const FORMATS = ['f32', 'f16', 'q8_0', 'q4_0'] as const;
const WIRE_STAGES = 4;

/** The texts of the comparison, as float64 and as llama.cpp see them with one file. */
type Logits = readonly (Float32Array | Float64Array)[];
type Texts = readonly { exact: ExactText; llama: LlamaText }[];

const say = (line: string) => process.stdout.write(`${line}\n`);

export async function main(args: string[], server: ViteDevServer): Promise<void> {
  const formats = FORMATS.filter((format) => args.includes(format));
  const fixture = await readLlamaFixture('bench/accuracy/llama-cpp.json');
  say(`Compared with ${fixture.engine}`);
  const browser = args.includes('--no-browser') ? null : await launchBrowser();
  try {
    const page = browser && (await openPage(browser, server, 'accuracy'));
    const files: FileAccuracy[] = [];
    for (const format of formats.length > 0 ? formats : FORMATS) {
      const result = await measureFile(`storyteller-1.7m-${format}.gguf`, fixture, page);
      report(result);
      files.push(result);
    }
    const bars = accuracyBars(files);
    for (const bar of bars) say(barLine(bar));
    const json = args[args.indexOf('--json') + 1];
    if (args.includes('--json') && json) await writeFile(json, `${JSON.stringify({ files, bars }, null, 1)}\n`);
  } finally {
    await browser?.close();
  }
}

function modelPath(file: string): string {
  return file.includes('q8_0') ? `public/models/${file}` : `e2e/fixtures/models/${file}`;
}

async function measureFile(file: string, fixture: LlamaFixture, page: Page | null): Promise<FileAccuracy> {
  const source = memorySource(new Uint8Array(await readFile(modelPath(file))));
  const exact = await loadFloat64(source);
  const llama = fixture.files.get(file)!;
  const texts = fixture.textIds.map((ids, i) => ({ exact: exactText(ids, float64Logits(exact, ids)), llama: llama[i]! }));
  const rows: Record<string, Fidelity> = {
    [ROWS.exact]: sumOf(texts, (sum, text) => sum.addExact(text.exact)),
    [ROWS.halfKv]: await fidelity(texts, (ids) => rowsOf(float64Logits(exact, ids, { halfKv: true }), ids.length)),
    [ROWS.llama]: sumOf(texts, (sum, text) => sum.addLlama(text.exact, text.llama)),
  };
  const comparison = new GreedyComparison(exact, await recordedPrompts(file));
  const greedy: EngineGreedy[] = [];
  const measure = async (engine: MeasuredEngine) => {
    rows[engine.name] = await fidelity(texts, (ids) => engine.logits(ids, 1));
    rows[halfWireRow(engine.name)] = await fidelity(texts, (ids) => engine.logits(ids, WIRE_STAGES));
    greedy.push(await comparison.run(engine));
    engine.destroy();
  };
  await measure(await engineHere(OURS.cpu, source, createCpuEngine));
  await measure(await engineHere(OURS.wasm, source, createProcessorEngine));
  if (page) {
    const engine = await engineInPage(OURS.webGpu, page, `/${modelPath(file).replace(/^public\//, '')}`);
    say(`${file} on ${engine.adapter}`);
    await measure(engine);
  }
  return { file, rows, greedy };
}

function sumOf(texts: Texts, add: (sum: FidelitySum, text: Texts[number]) => void): Fidelity {
  const sum = new FidelitySum();
  for (const text of texts) add(sum, text);
  return sum.result();
}

async function fidelity(texts: Texts, run: (ids: number[]) => Logits | Promise<Logits>): Promise<Fidelity> {
  const sum = new FidelitySum();
  for (const { exact, llama } of texts) sum.addEngine(exact, llama, await run([...exact.ids]));
  return sum.result();
}

function report({ file, rows, greedy }: FileAccuracy): void {
  say(`\n${file}, ${rows[ROWS.exact]!.positions} positions`);
  const lines = Object.entries(rows).map(([name, { kl, klJoined, perplexity }]) => [
    name,
    ...(kl ? [brief(kl.mean), brief(kl.max)] : ['-', '-']),
    brief(klJoined.mean),
    brief(klJoined.max),
    perplexity.toFixed(6),
  ]);
  say(table([['nats from float64', 'KL mean', 'KL max', 'joined mean', 'joined max', 'perplexity'], ...lines]));
  for (const one of greedy) sayGreedy(one);
}

function sayGreedy({ engine, prompts }: EngineGreedy): void {
  for (const reference of Object.keys(prompts[0]!.partings)) {
    const equal = prompts.filter(({ partings }) => partings[reference] === null).length;
    say(`${engine}, greedy, ${GREEDY_TOKENS} tokens: ${equal} of ${prompts.length} prompts as ${reference}`);
    for (const { prompt, partings } of prompts) {
      const parting = partings[reference];
      if (!parting) continue;
      const { token, exactGap, exactTakes } = parting;
      say(`  from token ${token}, float64 gap ${brief(exactGap)}, float64 takes ${exactTakes}: ${JSON.stringify(prompt)}`);
    }
  }
}
