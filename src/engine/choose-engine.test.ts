import { describe, expect, test } from 'vitest';
import { chooseEngine, isGpuSlow } from './choose-engine.ts';
import type { EngineProfile } from './device-profile.ts';

const gpu: EngineProfile = {
  engine: 'webgpu',
  adapter: 'a card',
  decodeLayerMs: 0.1,
  prefillLayerMsPerToken: 0.01,
  forwardOverheadMs: 2,
  headMs: 0.2,
};
const cpu: EngineProfile = { ...gpu, engine: 'cpu', adapter: 'CPU', decodeLayerMs: 1, forwardOverheadMs: 0 };

describe('the engine of a device', () => {
  test('is the one asked for, even when it is slower', () => {
    expect(chooseEngine('cpu', [gpu, cpu], 32)).toEqual({ engine: 'cpu', why: 'Using the CPU as asked.' });
    expect(chooseEngine('webgpu', [gpu, cpu], 1).engine).toBe('webgpu');
  });

  test('is the one that needs less time for a token of this model', () => {
    expect(chooseEngine('auto', [cpu, gpu], 32)).toEqual({
      engine: 'webgpu',
      why: 'Using WebGPU: a token through the whole model takes WebGPU 5.4 ms, the CPU 32.2 ms.',
    });
    expect(chooseEngine('auto', [cpu, gpu], 1).engine).toBe('cpu');
  });

  test('is the CPU where WebGPU is missing, and the page can say why', () => {
    const { engine, why } = chooseEngine('webgpu', [cpu], 8, { webgpu: 'navigator.gpu is undefined' });
    expect(engine).toBe('cpu');
    expect(why).toBe('Using the CPU, as WebGPU does not work here: navigator.gpu is undefined.');
    expect(chooseEngine('webgpu', [cpu], 8).why).toContain('missing in this browser');
  });

  test('is told apart from the one that was asked for and does not work, though others do', () => {
    const { engine, why } = chooseEngine('onnx', [gpu, cpu], 32, { onnx: 'it runs Q4_0' });
    expect(engine).toBe('webgpu');
    expect(why).toBe('Using WebGPU, as onnxruntime-web does not work here: it runs Q4_0.');
  });

  test('cannot be chosen where none works', () => {
    const choose = () => chooseEngine('auto', [], 8, { webgpu: 'no adapter', cpu: 'out of memory' });
    expect(choose).toThrow(
      expect.objectContaining({ code: 'no-devices', message: expect.stringContaining('no adapter; out of memory') }),
    );
  });
});

describe('our kernels do not suit a GPU', () => {
  const card = { available: true, isFallbackAdapter: false };
  const slowGpu = { ...gpu, decodeLayerMs: 3 };

  test.each([
    ['that is faster than the processor', [gpu, cpu], card, false],
    ['that is slower', [slowGpu, cpu], card, true],
    ['on which they fail', [cpu], card, true],
    ['that is the processor itself', [slowGpu, cpu], { ...card, isFallbackAdapter: true }, false],
    ['that is not there', [cpu], { available: false, isFallbackAdapter: false }, false],
  ])('%s', (_, profiles, adapter, expected) => {
    expect(isGpuSlow(profiles, 32, adapter)).toBe(expected);
  });
});
