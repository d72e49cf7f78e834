import { describe, expect, test } from 'vitest';
import { openGpu, webGpuAdapterInfo } from './gpu-context.ts';

describe('where there is no WebGPU', () => {
  test('opening it says so', async () => {
    await expect(openGpu()).rejects.toMatchObject({ name: 'AppError', code: 'no-webgpu' });
  });

  test('asking for it does not fail', async () => {
    expect(await webGpuAdapterInfo()).toMatchObject({ available: false, isFallbackAdapter: false });
  });
});
