/**
 * How faithful the engines are: distance of their next-token distributions from a float64 evaluation of the same file,
 * beside llama.cpp's. `npm run accuracy -- [--json FILE] [--no-browser] [FORMAT ...]`
 */
import { readFile, writeFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import type { ViteDevServer } from 'vite';
import { launchBrowser } from '../e2e/browser.ts';
import { createProcessorEngine } from '../src/engine/wasm/processor-engine.ts';
import { continueGreedily, loadWholeModel, type WholeModel } from '../src/engine/whole-model.ts';
import { memorySource } from '../src/gguf/byte-source.ts';
import { accuracyBars } from './accuracy/bars.ts';
import { type ExactText, exactText, type Fidelity, FidelitySum } from './accuracy/evaluate.ts';
import { type Float64Model, float64Logits, loadFloat64 } from './accuracy/float64.ts';
import { compareGreedy, type GreedyComparison } from './accuracy/greedy.ts';
import { type LlamaFixture, type LlamaText, readLlamaFixture } from './accuracy/llama-fixture.ts';
import { type FileAccuracy, ROWS } from './accuracy/results.ts';
import { textLogits } from './accuracy/text-logits.ts';
import { barLine, brief, kept } from './bar.ts';
import { openPage } from './browser/open-page.ts';
import type { AccuracyPage } from './pages/accuracy.ts';
import { table } from './table.ts';

const FORMATS = ['f32', 'f16', 'q8_0', 'q4_0'] as const;
const WIRE_STAGES = 4;
const GREEDY_TOKENS = 64;
const END_ID = 2;

/** The texts of the comparison, as float64 and as llama.cpp see them with one file. */
type Logits = readonly (Float32Array | Float64Array)[];
type Texts = readonly { exact: ExactText; llama: LlamaText }[];

const say = (line: string) => process.stdout.write(`${line}\n`);

export async function main(args: string[], server: ViteDevServer): Promise<number> {
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
    return bars.every(kept) ? 0 : 1;
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
  const model = await loadWholeModel(source, createProcessorEngine);
  const onCpu = (halfWireStages: number) =>
    fidelity(texts, (ids) => textLogits(model.engine, ids, { nLayers: model.spec.nLayers, halfWireStages }));
  const rows = {
    [ROWS.exact]: sumOf(texts, (sum, text) => sum.addExact(text.exact)),
    [ROWS.halfKv]: await fidelity(texts, (ids) => rowsOf(float64Logits(exact, ids, { halfKv: true }), ids.length)),
    [ROWS.llama]: sumOf(texts, (sum, text) => sum.addLlama(text.exact, text.llama)),
    [ROWS.cpu]: await onCpu(1),
    [ROWS.wire]: await onCpu(WIRE_STAGES),
    ...(page ? { [ROWS.webgpu]: await measureInPage(page, file, texts) } : {}),
  };
  const continuations = await compareContinuations(exact, model, file);
  model.engine.destroy();
  return { file, rows, ...continuations };
}

async function measureInPage(page: Page, file: string, texts: Texts): Promise<Fidelity> {
  const adapter = await page.evaluate(
    (url) => (globalThis as unknown as WithPage).page.load(url),
    `/${modelPath(file).replace(/^public\//, '')}`,
  );
  say(`${file} on ${adapter}`);
  return fidelity(texts, async (ids) => {
    const base64 = await page.evaluate((some) => (globalThis as unknown as WithPage).page.logits(some), ids);
    return rowsOf(new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer), ids.length);
  });
}

/** @param logits (count, vocabSize) */
function rowsOf<T extends Float32Array | Float64Array>(logits: T, count: number): T[] {
  const vocabSize = logits.length / count;
  return Array.from({ length: count }, (_, i) => logits.subarray(i * vocabSize, (i + 1) * vocabSize) as T);
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

interface WithPage {
  page: AccuracyPage;
}

interface Recorded {
  results: { file: string; prompts: { prompt: string; prompt_ids: number[]; ids: number[] }[] }[];
}

async function compareContinuations(exact: Float64Model, model: WholeModel, file: string) {
  const recorded = async (path: string) => {
    const { results } = JSON.parse(await readFile(path, 'utf8')) as Recorded;
    return results.find((result) => result.file === file)!.prompts;
  };
  const packed = await recorded('e2e/fixtures/oracle.json');
  const expanded = await recorded('e2e/fixtures/float-reference.json');
  const greedyPacked: GreedyComparison[] = [];
  const greedyExpanded: GreedyComparison[] = [];
  for (const [i, { prompt, prompt_ids: promptIds, ids }] of packed.entries()) {
    const ours = (await continueGreedily(model, promptIds, GREEDY_TOKENS, END_ID)).ids;
    greedyPacked.push(compareGreedy(exact, prompt, promptIds, ours, ids));
    greedyExpanded.push(compareGreedy(exact, prompt, promptIds, ours, expanded[i]!.ids));
  }
  return { greedyPacked, greedyExpanded };
}

function report({ file, rows, greedyPacked, greedyExpanded }: FileAccuracy): void {
  say(`\n${file}, ${rows[ROWS.exact]!.positions} positions`);
  const lines = Object.entries(rows).map(([name, { kl, klJoined, perplexity }]) => [
    name,
    ...(kl ? [brief(kl.mean), brief(kl.max)] : ['-', '-']),
    brief(klJoined.mean),
    brief(klJoined.max),
    perplexity.toFixed(6),
  ]);
  say(table([['nats from float64', 'KL mean', 'KL max', 'joined mean', 'joined max', 'perplexity'], ...lines]));
  sayGreedy('llama.cpp on this file', greedyPacked);
  sayGreedy('llama.cpp and PyTorch on its expanded weights', greedyExpanded);
}

function sayGreedy(whom: string, comparisons: readonly GreedyComparison[]): void {
  const equal = comparisons.filter(({ firstDifference }) => firstDifference === null).length;
  say(`greedy, ${GREEDY_TOKENS} tokens: ${equal} of ${comparisons.length} prompts as ${whom}`);
  for (const { prompt, firstDifference, exactGap, exactTakes } of comparisons) {
    if (firstDifference === null) continue;
    say(
      `  from token ${firstDifference}, float64 gap ${brief(exactGap!)}, float64 takes ${exactTakes}: ${JSON.stringify(prompt)}`,
    );
  }
}
