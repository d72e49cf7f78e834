import { describe, expect, test } from 'vitest';
import type { ErrorReport } from '../shared/errors.ts';
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

const noWebGpu: ErrorReport = { code: 'no-webgpu', message: 'no adapter' };
const noMemory: ErrorReport = { code: 'out-of-memory', message: 'out of memory' };
const otherFormat: ErrorReport = { code: 'quantisation-unsupported', message: 'it runs Q4_0' };

describe('the engine of a device', () => {
  test('is the one asked for, even when it is slower', () => {
    expect(chooseEngine('cpu', [gpu, cpu], 32)).toEqual({ engine: 'cpu', why: { code: 'as-asked', engine: 'cpu' } });
    expect(chooseEngine('webgpu', [gpu, cpu], 1).engine).toBe('webgpu');
  });

  test('is the one that needs less time for a token of this model', () => {
    expect(chooseEngine('auto', [cpu, gpu], 32)).toEqual({
      engine: 'webgpu',
      why: {
        code: 'fastest',
        engine: 'webgpu',
        tokenMs: expect.closeTo(5.4, 9),
        next: 'cpu',
        nextTokenMs: expect.closeTo(32.2, 9),
      },
    });
    expect(chooseEngine('auto', [cpu, gpu], 1).engine).toBe('cpu');
  });

  test('is the CPU where WebGPU is missing, and the page can say why', () => {
    const { engine, why } = chooseEngine('webgpu', [cpu], 8, { webgpu: noWebGpu });
    expect(engine).toBe('cpu');
    expect(why).toEqual({ code: 'instead', engine: 'cpu', missing: 'webgpu', because: noWebGpu });
    expect(chooseEngine('webgpu', [cpu], 8).why).toMatchObject({ missing: 'webgpu', because: 'not-offered' });
    expect(chooseEngine('auto', [gpu], 8).why).toMatchObject({ missing: 'cpu', because: 'not-tried' });
  });

  test('is told apart from the one that was asked for and does not work, though others do', () => {
    const { engine, why } = chooseEngine('onnx', [gpu, cpu], 32, { onnx: otherFormat });
    expect(engine).toBe('webgpu');
    expect(why).toEqual({ code: 'instead', engine: 'webgpu', missing: 'onnx', because: otherFormat });
  });

  test('cannot be chosen where none works', () => {
    const choose = () => chooseEngine('auto', [], 8, { webgpu: noWebGpu, cpu: noMemory });
    expect(choose).toThrow(expect.objectContaining({ code: 'no-devices', values: { missing: 'no adapter; out of memory' } }));
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
