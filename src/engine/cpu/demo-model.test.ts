import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../gguf/byte-source.ts';
import type { EngineOptions, ShardEngine } from '../shard-engine.ts';
import { createProcessorEngine } from '../wasm/processor-engine.ts';
import { continueGreedily, loadWholeModel } from '../whole-model.ts';
import { createCpuEngine } from './cpu-engine.ts';

const ROOT = new URL('../../../', import.meta.url);
const MAX_TOKENS = 64;
/** A file's 960 tokens take 3 s alone and several times that beside other work. */
const FILE_TIMEOUT_MS = 60_000;
const END_ID = 2;
/** Two right computations may disagree where the two best logits are closer than this. */
const NEAR_TIE = 1e-2;

type CreateEngine = (options: EngineOptions) => Promise<ShardEngine>;

interface RecordedPrompt {
  prompt: string;
  prompt_ids: number[];
  ids: number[];
  margins: number[];
}

interface Recording {
  results: { file: string; prompts: RecordedPrompt[] }[];
}

const path = (file: string) => new URL(file.includes('q8_0') ? `public/models/${file}` : `e2e/fixtures/models/${file}`, ROOT);
const readJson = async <T>(file: string): Promise<T> => JSON.parse(await readFile(new URL(`e2e/fixtures/${file}`, ROOT), 'utf8'));
const loadModel = async (file: string, create: CreateEngine) =>
  loadWholeModel(memorySource(new Uint8Array(await readFile(path(file)))), create);

const ENGINES: { name: string; create: CreateEngine }[] = [
  { name: 'plain TypeScript', create: createCpuEngine },
  { name: 'WebAssembly SIMD', create: createProcessorEngine },
];

describe.each(ENGINES)('the CPU engine, $name, tells the stories of the demo model', ({ create }) => {
  const cases = [
    { file: 'storyteller-1.7m-f32.gguf', reference: 'oracle.json', by: 'llama.cpp' },
    { file: 'storyteller-1.7m-f16.gguf', reference: 'oracle.json', by: 'llama.cpp' },
    { file: 'storyteller-1.7m-q8_0.gguf', reference: 'float-reference.json', by: 'the float reference' },
    { file: 'storyteller-1.7m-q4_0.gguf', reference: 'float-reference.json', by: 'the float reference' },
  ];
  test.each(cases)(
    '$file token by token as $by does, except after a near tie',
    { timeout: FILE_TIMEOUT_MS },
    async ({ file, reference }) => {
      const { results } = await readJson<Recording>(reference);
      const { prompts } = results.find((result) => result.file === file)!;
      const model = await loadModel(file, create);
      for (const { prompt, prompt_ids, ids, margins } of prompts) {
        const got = await continueGreedily(model, prompt_ids, MAX_TOKENS, END_ID);
        const step = firstDifference(got.ids, ids);
        if (step === null) continue;
        console.info(`${file}, "${prompt}": parts at token ${step}, where the recorded margin is ${margins[step]}`);
        expect(margins[step], `"${prompt}" parts at token ${step}: ${got.ids[step]}, not ${ids[step]}`).toBeLessThan(NEAR_TIE);
      }
    },
  );

  test('with the very ids that are written down for the end-to-end tests', { timeout: FILE_TIMEOUT_MS }, async () => {
    const file = 'storyteller-1.7m-q8_0.gguf';
    const expected = await readJson<{ file: string; promptIds: number[]; ids: number[] }[]>('expected-ids.json');
    const model = await loadModel(file, create);
    const ofFile = expected.filter((entry) => entry.file === file);
    expect(ofFile.length).toBeGreaterThanOrEqual(15);
    for (const { promptIds, ids } of ofFile) {
      expect((await continueGreedily(model, promptIds, MAX_TOKENS, END_ID)).ids).toEqual(ids);
    }
  });
});

function firstDifference(a: readonly number[], b: readonly number[]): number | null {
  const length = Math.max(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return i;
  return null;
}
