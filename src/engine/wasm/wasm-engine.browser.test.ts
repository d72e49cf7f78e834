import { expect, test } from 'vitest';
import { PLAIN_MODEL } from '../testing/contract-models.ts';
import { describeEngineContract } from '../testing/engine-contract.ts';
import { createProcessorEngine } from './processor-engine.ts';

describeEngineContract('WebAssembly', createProcessorEngine);

test('a browser has what the kernels need', async () => {
  const engine = await createProcessorEngine({ spec: PLAIN_MODEL.spec, contextLength: 8 });
  expect(engine.adapter).toContain('WebAssembly SIMD');
});
