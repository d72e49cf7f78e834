// Reference outputs by llama.cpp (through node-llama-cpp) for a set of GGUF files.
//
//   npm ci     (in this folder)
//   node continuations.mjs OUT.json FILE.gguf [FILE.gguf ...]
//
// For every file and prompt: token ids of the prompt, the five largest logits of
// the first step, and a greedy continuation with, per step, the margin between
// the best and the second-best logit (a small margin explains a later difference
// between two correct implementations).

import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { getLlama } from 'node-llama-cpp';

const STEPS = 64;
const chat = (q) => `[INST] ${q} [/INST]`;
const PROMPTS = [
  { kind: 'plain', text: 'Once upon a time' },
  { kind: 'plain', text: 'Once upon a time, there was a little girl named Lily.' },
  { kind: 'plain', text: 'One day, a small fox found a shiny key in the forest.' },
  { kind: 'plain', text: 'Tom and his dog Spot went to the beach.' },
  { kind: 'plain', text: 'The old owl said,' },
  { kind: 'chat', text: chat('Tell me a story about a fox') },
  { kind: 'chat', text: chat('Tell me a story about a dog and a ball.') },
  { kind: 'chat', text: chat('Tell me a story about a brave mouse.') },
  { kind: 'chat', text: chat('Write a short story about a robot and a flower.') },
  { kind: 'chat', text: chat('Can you tell me a story about a girl named Mia and a kite?') },
  { kind: 'chat', text: chat('I want to hear a story about sharing.') },
  { kind: 'chat', text: chat('Hello!') },
  { kind: 'chat', text: chat('Who are you?') },
  {
    kind: 'chat',
    text: chat('<<SYS>>\nYou are a friendly storyteller.\n<</SYS>>\n\nTell me a story about a cat in the garden.'),
  },
  { kind: 'chat', text: chat('Tell me a story about a computer and a caf\u00e9.') },
];

const [out, ...files] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const pkg = (name) => {
  const entry = require.resolve(name);
  for (let dir = path.dirname(entry); dir !== path.dirname(dir); dir = path.dirname(dir)) {
    try {
      const p = JSON.parse(readFileSync(path.join(dir, 'package.json'), 'utf8'));
      if (p.name === name) return p;
    } catch {
      /* look one folder up */
    }
  }
  return {};
};

const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 2, logLevel: 'error' });
const top = (logits, n) => [...logits.entries()].sort((a, b) => b[1] - a[1]).slice(0, n);
const round = (x) => Math.round(x * 1e5) / 1e5;
const results = [];
for (const file of files) {
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createContext({
    contextSize: 512,
    batchSize: 512,
    threads: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const entry = {
    file: path.basename(file),
    bytes: statSync(file).size,
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
    prompts: [],
  };
  const bos = model.tokens.bos,
    eos = model.tokens.eos;
  for (const { kind, text } of PROMPTS) {
    const sequence = context.getSequence();
    const prompt = [bos, ...model.tokenize(text, false)];
    const step = async (tokens) => {
      const input = tokens.map((t, i) => (i < tokens.length - 1 ? t : [t, { generateNext: { logits: true } }]));
      const res = await sequence.controlledEvaluate(input);
      return res[tokens.length - 1].next.logits;
    };
    let logits = await step(prompt);
    const top5 = top(logits, 5).map(([id, v]) => ({ id, piece: model.detokenize([id], true), logit: round(v) }));
    const ids = [],
      margins = [];
    let ended = false;
    for (let i = 0; i < STEPS; i++) {
      const [a, b] = top(logits, 2);
      margins.push(round(a[1] - b[1]));
      ids.push(a[0]);
      if (a[0] === eos) {
        ended = true;
        break;
      }
      if (i < STEPS - 1) logits = await step([a[0]]);
    }
    const shown = ended ? ids.slice(0, -1) : ids;
    entry.prompts.push({
      kind,
      prompt: text,
      prompt_ids: prompt,
      top5_first_step: top5,
      ids,
      ended_with_eos: ended,
      text: model.detokenize([...prompt.slice(1), ...shown]).slice(model.detokenize(prompt.slice(1)).length),
      min_margin: Math.min(...margins),
      margins,
    });
    sequence.dispose();
  }
  results.push(entry);
  await context.dispose();
  await model.dispose();
  console.log(entry.file, 'done');
}
writeFileSync(
  out,
  `${JSON.stringify(
    {
      oracle: {
        engine: 'llama.cpp',
        llama_cpp_release: llama.llamaCppRelease.release,
        node_llama_cpp: pkg('node-llama-cpp').version,
        device: 'CPU',
      },
      settings: { temperature: 0, max_new_tokens: STEPS, add_bos: true, flash_attention: false, kv_cache: 'f32' },
      notes:
        'prompt_ids start with <s> (1). ids end with </s> (2) when ended_with_eos. margins: best minus second-best logit at each step.',
      results,
    },
    null,
    1,
  )}\n`,
);
process.exit(0);
