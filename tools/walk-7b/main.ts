/**
 * `npm run walk:7b`: a room of headless tabs answers with a model of the shape and size of Llama-2-7B in Q4_0, whose weights
 * are random and made on the way. Then the same with a small file whose tensors lie beyond 2^32. Takes minutes and 8 GB.
 */
import { parseArgs } from 'node:util';
import { launchBrowser } from '../../e2e/browser.ts';
import { type Server, startServer } from '../../e2e/server.ts';
import type { ByteSource } from '../../src/gguf/byte-source.ts';
import { MODEL_SHAPES } from '../synthetic-gguf/model-shapes.ts';
import { syntheticGguf } from '../synthetic-gguf/synthetic-gguf.ts';
import { browserMemory } from './process-memory.ts';
import { startRangeServer } from './range-server.ts';
import { nextTokens } from './verify.ts';
import { nameOf, type WalkResult, walk } from './walk.ts';

const SERVER_FILE = 'dist/node/server.js';
const USAGE = 'Usage: npm run walk:7b -- [--engine cpu|webgpu|auto] [--tokens N] [--verify] [--only whole|sparse]';

const say = (line: string) => process.stdout.write(`${line}\n`);
const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(3)} GB`;

interface Options {
  engine: string;
  tokens: number;
  /** Computes the tokens again in this process. */
  verify: boolean;
}

const SHAPE = { shape: MODEL_SHAPES['llama-2-7b']!, format: 'Q4_0' };
const WHOLE: Course = {
  file: 'llama-2-7b-q4_0.gguf',
  source: syntheticGguf({ ...SHAPE, name: 'Llama-2-7B shape' }),
  donors: 4,
};
const SPARSE: Course = {
  file: 'two-layers-beyond-4-gib.gguf',
  source: syntheticGguf({ ...SHAPE, name: 'two layers beyond 4 GiB', nLayers: 2, gapBytes: 2 ** 32 + 2 ** 30 }),
  donors: 2,
};

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      engine: { type: 'string', default: 'cpu' },
      tokens: { type: 'string', default: '3' },
      verify: { type: 'boolean', default: false },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(USAGE);
    return;
  }
  const options: Options = { engine: values.engine, tokens: Number(values.tokens), verify: values.verify };
  const server = await startServer(SERVER_FILE);
  try {
    if (values.only !== 'sparse') await walkAndSay(server, WHOLE, options);
    if (values.only !== 'whole') await walkAndSay(server, SPARSE, { ...options, verify: true });
  } finally {
    await server.stop();
  }
}

interface Course {
  file: string;
  source: ByteSource;
  donors: number;
}

async function walkAndSay(server: Server, { file, source, donors }: Course, { engine, tokens, verify }: Options): Promise<void> {
  say(`${file}: ${gigabytes(source.size)}, ${donors} donors, engine ${engine}`);
  const ranges = await startRangeServer(new Map([[file, source]]));
  const browser = await launchBrowser();
  try {
    const result = await walk(browser, server, ranges, { modelUrl: ranges.urlOf(file), donors, engine, tokens });
    sayResult(result);
    if (verify) await sayVerification(source, result);
  } finally {
    await browser.close();
    await ranges.stop();
  }
}

function sayResult({ view, answer, loadSeconds, sentBytes }: WalkResult): void {
  for (const { peerId, layers, head } of view.room!.plan!.stages) {
    const held = `layers ${layers.startLayer}-${layers.endLayer - 1}${head ? ' and the head' : ''}`;
    const { profile } = view.room!.peers.find((peer) => peer.peerId === peerId)!;
    say(`  ${nameOf(view, peerId)}: ${held}, lends ${gigabytes(profile!.lendBytes)}, ${profile!.engine} (${profile!.adapter})`);
  }
  for (const { name, bytes } of sentBytes) say(`  ${name} downloaded ${gigabytes(bytes)}`);
  say(`  measured and loaded in ${loadSeconds.toFixed(1)} s`);
  for (const { kind, peakBytes } of browserMemory())
    if (peakBytes > 3e8) say(`  peak memory of a ${kind}: ${gigabytes(peakBytes)}`);
  const { ids, timeToFirstTokenMs, msPerToken } = answer;
  say(
    `  ${ids.length} tokens: ${ids.join(' ')}; first after ${timeToFirstTokenMs.toFixed(0)} ms, then ${msPerToken.toFixed(0)} ms per token`,
  );
}

/** @throws Error when this process finds other tokens than the room */
async function sayVerification(source: ByteSource, { answer }: WalkResult): Promise<void> {
  const { promptIds, ids } = answer;
  const next = await nextTokens(source, [...promptIds, ...ids.slice(0, -1)]);
  const expected = next.slice(promptIds.length - 1);
  if (expected.join(' ') !== ids.join(' '))
    throw new Error(`computed here: ${expected.join(' ')}; the room said ${ids.join(' ')}`);
  say('  the same tokens as computed layer by layer in one process');
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : thrown}\n`);
  process.exitCode = 1;
});
