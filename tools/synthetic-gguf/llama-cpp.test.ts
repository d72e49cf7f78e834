import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createCpuEngine } from '../../src/engine/cpu/cpu-engine.ts';
import { askRows } from '../../src/engine/shard-engine.ts';
import { createProcessorEngine } from '../../src/engine/wasm/processor-engine.ts';
import { loadWholeModel } from '../../src/engine/whole-model.ts';
import { ARCHITECTURE_VARIANTS, VARIANT_TOKENS } from './architecture-variants.ts';
import { syntheticGguf } from './synthetic-gguf.ts';

/**
 * llama.cpp rounds queries to 16 bits too, and sums in another order. Logits reach 5; without the factors of RoPE they are
 * off by more. Where weights are in K blocks it also rounds what they are multiplied with to 8 bits (Q8_K), 256 values to a
 * scale: three layers of that move logits by up to 0.12.
 */
const FLOAT_TOLERANCE = 2e-2;
const BLOCK_TOLERANCE = 0.2;

const ENGINES = [
  { engine: 'plain TypeScript', create: createCpuEngine },
  { engine: 'WebAssembly', create: createProcessorEngine },
];
const CASES = ARCHITECTURE_VARIANTS.flatMap((variant) => ENGINES.map((engine) => ({ ...engine, ...variant })));

interface Fixture {
  results: { name: string; sha256: string; logits: number[] }[];
}
const path = new URL('../../e2e/fixtures/architectures.json', import.meta.url);
const { results } = JSON.parse(await readFile(path, 'utf8')) as Fixture;

test.each(CASES)('$name, $engine: the logits after 48 tokens are those of llama.cpp', async ({ create, ...variant }) => {
  const source = syntheticGguf(variant);
  const recorded = results.find(({ name }) => name === variant.name)!;
  const digest = createHash('sha256')
    .update(await source.read(0, source.size))
    .digest('hex');
  expect(digest, 'the file that llama.cpp was given').toBe(recorded.sha256);
  const { engine, spec } = await loadWholeModel(source, create);
  const { head } = await engine.forward({
    rows: VARIANT_TOKENS.map((_, position) => ({ sequence: 's', position })),
    input: { tokens: Uint32Array.from(VARIANT_TOKENS) },
    layers: { startLayer: 0, endLayer: spec.nLayers },
    head: askRows([VARIANT_TOKENS.length - 1], { fullRow: true }),
  });
  engine.destroy();
  const logits = head[0]!.logits!;
  expect(logits.length).toBe(recorded.logits.length);
  expect(Math.max(...recorded.logits.map(Math.abs))).toBeGreaterThan(1);
  const tolerance = variant.format === 'F32' ? FLOAT_TOLERANCE : BLOCK_TOLERANCE;
  expect(Math.max(...recorded.logits.map((logit, id) => Math.abs(logit - logits[id]!)))).toBeLessThan(tolerance);
});
