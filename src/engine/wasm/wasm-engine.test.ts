import { expect, test } from 'vitest';
import { PLAIN_MODEL } from '../testing/contract-models.ts';
import { describeEngineContract } from '../testing/engine-contract.ts';
import { createProcessorEngine } from './processor-engine.ts';

describeEngineContract('WebAssembly', createProcessorEngine);

test('says how the processor computes', async () => {
  const options = { spec: PLAIN_MODEL.spec, contextLength: 8 };
  expect((await createProcessorEngine(options)).adapter).toContain('WebAssembly SIMD');
  const oddSpec = { ...PLAIN_MODEL.spec, headDim: 18 };
  expect((await createProcessorEngine({ ...options, spec: oddSpec })).adapter).toContain('plain TypeScript');
});
