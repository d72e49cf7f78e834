import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createCpuEngine } from '../../src/engine/cpu/cpu-engine.ts';
import { loadWholeModel } from '../../src/engine/whole-model.ts';
import { ARCHITECTURE_VARIANTS, VARIANT_TOKENS } from './architecture-variants.ts';
import { syntheticGguf } from './synthetic-gguf.ts';

/** llama.cpp rounds queries to 16 bits too, and sums in another order. Logits reach 5; without the factors of RoPE they are off by more. */
const TOLERANCE = 2e-2;

interface Fixture {
  results: { name: string; sha256: string; logits: number[] }[];
}
const path = new URL('../../e2e/fixtures/architectures.json', import.meta.url);
const { results } = JSON.parse(await readFile(path, 'utf8')) as Fixture;

test.each(ARCHITECTURE_VARIANTS)('$name: the logits after 48 tokens are those of llama.cpp', async (variant) => {
  const source = syntheticGguf(variant);
  const recorded = results.find(({ name }) => name === variant.name)!;
  const digest = createHash('sha256')
    .update(await source.read(0, source.size))
    .digest('hex');
  expect(digest, 'the file that llama.cpp was given').toBe(recorded.sha256);
  const { engine, spec } = await loadWholeModel(source, createCpuEngine);
  const { head } = await engine.forward({
    rows: VARIANT_TOKENS.map((_, position) => ({ sequence: 's', position })),
    input: { tokens: Uint32Array.from(VARIANT_TOKENS) },
    layers: { startLayer: 0, endLayer: spec.nLayers },
    head: { rows: [VARIANT_TOKENS.length - 1], wantIds: new Uint32Array(), fullRow: true, invTemperature: 1 },
  });
  const logits = head[0]!.logits!;
  expect(logits.length).toBe(recorded.logits.length);
  expect(Math.max(...recorded.logits.map(Math.abs))).toBeGreaterThan(1);
  expect(Math.max(...recorded.logits.map((logit, id) => Math.abs(logit - logits[id]!)))).toBeLessThan(TOLERANCE);
});
