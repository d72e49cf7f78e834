// What llama.cpp (through node-llama-cpp, with its own defaults: 16-bit keys and values) expects after every token of
// some texts, for a set of GGUF files. `npm run accuracy` compares it with the same files evaluated in float64.
//
//   npm ci --ignore-scripts     (in this folder)
//   node distributions.mjs OUT.json TEXTS.json FILE.gguf [FILE.gguf ...]
//
// Stored for each position: the TOP largest logits with their ids, the log of the sum over the whole vocabulary of
// exp(logit), and the logit of the token that follows in the text (0 after the last). Typed arrays in base64, little-endian.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { getLlama } from 'node-llama-cpp';

const TOP = 32;
const KV_TYPE = process.env.ORACLE_KV ?? 'F16';

const [out, textsFile, ...files] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(textsFile, 'utf8'));
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 2, logLevel: 'error' });
const base64 = (array) => Buffer.from(array.buffer).toString('base64');

/** Sums from the smallest up, in float64. */
function logSumExp(logits) {
  const ascending = Float64Array.from(logits).sort();
  const largest = ascending.at(-1);
  let sum = 0;
  for (const logit of ascending) sum += Math.exp(logit - largest);
  return largest + Math.log(sum);
}

async function distributions(sequence, ids) {
  await sequence.clearHistory();
  const topIds = new Uint16Array(ids.length * TOP);
  const topLogits = new Float32Array(ids.length * TOP);
  const logSumExps = new Float64Array(ids.length);
  const nextLogits = new Float32Array(ids.length);
  const asked = ids.map((id) => [id, { generateNext: { logits: true } }]);
  const answers = await sequence.controlledEvaluate(asked);
  for (const [position, answer] of answers.entries()) {
    const { logits } = answer.next;
    const top = [...logits.entries()].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, TOP);
    for (const [i, [id, logit]] of top.entries()) {
      topIds[position * TOP + i] = id;
      topLogits[position * TOP + i] = logit;
    }
    logSumExps[position] = logSumExp(logits.values());
    nextLogits[position] = logits.get(ids[position + 1]) ?? 0;
  }
  return {
    topIds: base64(topIds),
    topLogits: base64(topLogits),
    logSumExps: base64(logSumExps),
    nextLogits: base64(nextLogits),
  };
}

const results = [];
let textIds;
for (const file of files) {
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const options = { contextSize: 512, batchSize: 512, threads: 2 };
  const kv = { experimentalKvCacheKeyType: KV_TYPE, experimentalKvCacheValueType: KV_TYPE };
  const context = await model.createContext({ ...options, ...kv });
  textIds = texts.map((text) => [model.tokens.bos, ...model.tokenize(text, false)]);
  const sequence = context.getSequence();
  const evaluated = [];
  for (const ids of textIds) evaluated.push(await distributions(sequence, ids));
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  results.push({ file: path.basename(file), sha256, texts: evaluated });
  await context.dispose();
  await model.dispose();
  process.stderr.write(`${path.basename(file)}: ${textIds.reduce((sum, ids) => sum + ids.length, 0)} positions\n`);
}
const oracle = { engine: 'llama.cpp', release: llama.llamaCppRelease.release, device: 'CPU', kvCache: KV_TYPE };
writeFileSync(out, `${JSON.stringify({ oracle, top: TOP, textIds, results }, null, 1)}\n`);
process.exit(0);
