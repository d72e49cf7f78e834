import { expect, test } from 'vitest';
import { engineWords } from './engines.ts';

test('an engine is told with why it was chosen', () => {
  expect(engineWords({ code: 'as-asked', engine: 'cpu' })).toBe('Using the CPU as asked.');
  expect(engineWords({ code: 'fastest', engine: 'webgpu', tokenMs: 5.4, next: 'cpu', nextTokenMs: 32.2 })).toBe(
    'Using WebGPU: a token through the whole model takes WebGPU 5.4 ms, the CPU 32.2 ms.',
  );
});

test('one that stands in for another says why that does not work', () => {
  const instead = { code: 'instead', engine: 'cpu', missing: 'webgpu' } as const;
  const start = 'Using the CPU, as WebGPU does not work here: ';
  const because = { code: 'no-webgpu', message: 'navigator.gpu is undefined' } as const;
  expect(engineWords({ ...instead, because })).toBe(`${start}This browser offers no WebGPU on this page.`);
  expect(engineWords({ ...instead, because: 'not-offered' })).toBe(`${start}it is missing in this browser.`);
  expect(engineWords({ ...instead, because: 'not-tried' })).toBe(`${start}it was not tried.`);
  const formats = { formats: 'Q4_K', supported: 'F32, Q8_0' };
  expect(
    engineWords({ ...instead, missing: 'onnx', because: { code: 'quantisation-unsupported', message: '', values: formats } }),
  ).toBe('Using the CPU, as onnxruntime-web does not work here: The file has tensors in Q4_K; supported are F32, Q8_0.');
});
