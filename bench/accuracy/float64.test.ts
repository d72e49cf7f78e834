import { expect, test } from 'vitest';
import { createCpuEngine } from '../../src/engine/cpu/cpu-engine.ts';
import { loadWholeModel } from '../../src/engine/whole-model.ts';
import { ARCHITECTURE_VARIANTS, VARIANT_TOKENS } from '../../tools/synthetic-gguf/architecture-variants.ts';
import { syntheticGguf } from '../../tools/synthetic-gguf/synthetic-gguf.ts';
import { float64Logits, loadFloat64 } from './float64.ts';
import { textLogits } from './text-logits.ts';

/** What keys and values in 16-bit integers cost with random weights, whose logits reach 5. */
const TOLERANCE = 5e-3;

test.each(ARCHITECTURE_VARIANTS)('$name: float64 and the CPU engine agree on every token', async (variant) => {
  const source = syntheticGguf(variant);
  const model = await loadFloat64(source);
  const exact = float64Logits(model, VARIANT_TOKENS);
  expect(largestDifference(exact, await cpuLogits(variant))).toBeLessThan(TOLERANCE);
});

test.each(['linear-rope', 'llama-3-rope'])('%s: without its factors float64 finds something else', async (name) => {
  const variant = ARCHITECTURE_VARIANTS.find((one) => one.name === name)!;
  const model = await loadFloat64(syntheticGguf(variant));
  const { ropeFactors, ...plain } = model.spec;
  expect(ropeFactors!.some((factor) => factor !== 1)).toBe(true);
  const without = float64Logits({ ...model, spec: plain }, VARIANT_TOKENS);
  expect(largestDifference(without, await cpuLogits(variant))).toBeGreaterThan(0.1);
});

async function cpuLogits(variant: (typeof ARCHITECTURE_VARIANTS)[number]): Promise<number[]> {
  const { engine, spec } = await loadWholeModel(syntheticGguf(variant), createCpuEngine);
  const rows = await textLogits(engine, VARIANT_TOKENS, { nLayers: spec.nLayers, halfWireStages: 1 });
  engine.destroy();
  return rows.flatMap((row) => [...row]);
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
