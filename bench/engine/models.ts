import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { SHAPES, writeSyntheticGguf } from './synthetic-gguf.ts';

const FOLDER = 'node_modules/.cache/bench-models';
const DEMO: Record<string, string> = {
  'demo-q8_0': '/models/storyteller-1.7m-q8_0.gguf',
  'demo-q4_0': '/e2e/fixtures/models/storyteller-1.7m-q4_0.gguf',
};

export const DEFAULT_MODELS = ['demo-q8_0', 'demo-q4_0', 'mini-q4_0', 'mini-q8_0', 'mid-q4_0', 'mid-q8_0', 'layers22-q4_0'];
export const FULL_MODELS = [...DEFAULT_MODELS, 'tinyllama-q4_0'];

/** Where the bench's own server has a model, which is written first if it is synthetic and not there yet. */
export async function modelUrl(name: string): Promise<string> {
  const demo = DEMO[name];
  if (demo) return demo;
  const [shapeName = '', type] = name.split('-');
  const shape = SHAPES[shapeName];
  if (!shape || (type !== 'q4_0' && type !== 'q8_0')) throw new Error(`no model called ${name}`);
  const path = `${FOLDER}/${name}.gguf`;
  await mkdir(FOLDER, { recursive: true });
  if (!existsSync(path)) await writeSyntheticGguf(path, shape, type === 'q4_0' ? 'Q4_0' : 'Q8_0');
  return `/${path}`;
}
