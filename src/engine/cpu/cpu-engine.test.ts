import { expect, test } from 'vitest';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { randomLayer } from '../random-weights.ts';
import { uniformTypes } from '../tensor-shape.ts';
import { PLAIN_MODEL } from '../testing/contract-models.ts';
import { describeEngineContract } from '../testing/engine-contract.ts';
import { createCpuEngine } from './cpu-engine.ts';

describeEngineContract('CPU', createCpuEngine);

test('a long prefill lets the thread do other things, which its beats rely on', async () => {
  const spec: ModelSpec = { ...PLAIN_MODEL.spec, dim: 512, ffnDim: 1024, nLayers: 1 };
  const engine = await createCpuEngine({ spec, contextLength: 64 });
  await engine.loadLayer(0, randomLayer(spec, uniformTypes('Q8_0'), 0, 1));
  let running = true;
  let beats = 0;
  const beat = () => {
    beats++;
    if (running) setTimeout(beat, 0);
  };
  setTimeout(beat, 0);
  const rows = Array.from({ length: 64 }, (_, position) => ({ sequence: 'long', position }));
  const hidden = new Float32Array(64 * spec.dim).fill(0.1);
  await engine.forward({ rows, input: { hidden }, layers: { startLayer: 0, endLayer: 1 }, head: null });
  running = false;
  expect(beats).toBeGreaterThan(1);
});
