// Logits by llama.cpp (through node-llama-cpp) after a fixed text, for small files of every llama variant.
//
//   npm ci     (in this folder)
//   node logits.mjs FOLDER OUT.json     (FOLDER as tools/synthetic-gguf/write-variants.ts writes it)
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { getLlama } from 'node-llama-cpp';

const [folder, out] = process.argv.slice(2);
const tokens = JSON.parse(readFileSync(path.join(folder, 'tokens.json'), 'utf8'));
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' });
const results = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.gguf'))) {
  const modelPath = path.join(folder, file);
  const model = await llama.loadModel({ modelPath, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: 128,
    batchSize: 128,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F16',
    experimentalKvCacheValueType: 'F16',
  });
  const input = tokens.map((token, i) => (i < tokens.length - 1 ? token : [token, { generateNext: { logits: true } }]));
  const evaluated = await context.getSequence().controlledEvaluate(input);
  const { logits } = evaluated[tokens.length - 1].next;
  const byId = [...logits.entries()].sort((a, b) => a[0] - b[0]).map(([, logit]) => Math.round(logit * 1e6) / 1e6);
  const sha256 = createHash('sha256').update(readFileSync(modelPath)).digest('hex');
  results.push({ name: path.basename(file, '.gguf'), sha256, logits: byId });
  await context.dispose();
  await model.dispose();
}
const oracle = { engine: 'llama.cpp', llama_cpp_release: llama.llamaCppRelease.release, kv_cache: 'f16' };
const lines = results.map((result) => `  ${JSON.stringify(result)}`);
writeFileSync(out, `{\n "oracle": ${JSON.stringify(oracle)},\n "results": [\n${lines.join(',\n')}\n ]\n}\n`);
process.exit(0);
