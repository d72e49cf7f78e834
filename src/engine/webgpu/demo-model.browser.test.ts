import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../gguf/byte-source.ts';
import { continueGreedily, loadWholeModel } from '../whole-model.ts';
import { type GpuContext, openGpu } from './gpu-context.ts';
import { createWebGpuEngine } from './webgpu-engine.ts';

const MAX_TOKENS = 64;
const END_ID = 2;

interface Expected {
  file: string;
  promptIds: number[];
  ids: number[];
}

const get = async (path: string) => {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response;
};
const modelPath = (file: string) => (file.includes('q8_0') ? `/models/${file}` : `/e2e/fixtures/models/${file}`);

describe('the WebGPU engine tells the stories of the demo model token by token as the CPU engine', () => {
  let gpu: GpuContext;
  let expected: Expected[];
  beforeAll(async () => {
    gpu = await openGpu();
    expected = await (await get('/e2e/fixtures/expected-ids.json')).json();
  });
  afterAll(() => gpu.destroy());

  const cases = [
    { format: 'q8_0', prompts: 8 },
    { format: 'q4_0', prompts: 3 },
    { format: 'f16', prompts: 2 },
    { format: 'f32', prompts: 2 },
  ];
  test.each(cases)('$format, $prompts prompts', async ({ format, prompts }) => {
    const file = `storyteller-1.7m-${format}.gguf`;
    const bytes = new Uint8Array(await (await get(modelPath(file))).arrayBuffer());
    const model = await loadWholeModel(memorySource(bytes), (options) => createWebGpuEngine(options, gpu));
    const ofFile = expected.filter((entry) => entry.file === file).slice(0, prompts);
    expect(ofFile.length).toBe(prompts);
    for (const { promptIds, ids } of ofFile) {
      expect((await continueGreedily(model, promptIds, MAX_TOKENS, END_ID)).ids).toEqual(ids);
    }
    model.engine.destroy();
  });
});
