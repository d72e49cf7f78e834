import { mkdir, open } from 'node:fs/promises';
import { MODEL_SHAPES, type ModelShape } from '../../tools/synthetic-gguf/model-shapes.ts';
import { syntheticGguf } from '../../tools/synthetic-gguf/synthetic-gguf.ts';

export const MODEL_FOLDER = 'node_modules/.cache/bench-models';
const PIECE_BYTES = 16 * 1024 * 1024;
const DEMO: Record<string, string> = {
  'demo-q8_0': '/models/storyteller-1.7m-q8_0.gguf',
  'demo-q4_0': '/e2e/fixtures/models/storyteller-1.7m-q4_0.gguf',
};
/** Many layers and little in them: what it costs to say what a device shall do. */
const LAYERS_22: ModelShape = { ...MODEL_SHAPES.mini!, dim: 256, nLayers: 22, nHeads: 4, ffnDim: 704 };
/** What a device of a room might hold of a larger model. */
const SHARD: ModelShape = { ...MODEL_SHAPES.tinyllama!, nLayers: 5 };
const SHAPES: Record<string, ModelShape> = { ...MODEL_SHAPES, layers22: LAYERS_22, shard: SHARD };

export const DEFAULT_MODELS = [
  'demo-q8_0',
  'demo-q4_0',
  'mini-q4_0',
  'mini-q8_0',
  'mid-q4_0',
  'mid-q8_0',
  'layers22-q4_0',
  'shard-q8_0',
];
export const FULL_MODELS = [...DEFAULT_MODELS, 'tinyllama-q4_0'];

/** Where the bench's own server has a model: a demo file, or random blocks in a shape and a format (`mid-q4_0`). */
export async function modelUrl(name: string): Promise<string> {
  const demo = DEMO[name];
  if (demo) return demo;
  const [shapeName = '', format = ''] = name.split('-');
  const shape = SHAPES[shapeName];
  if (!shape) throw new Error(`no model called ${name}; shapes are ${Object.keys(SHAPES).join(', ')}`);
  const path = `${MODEL_FOLDER}/${name}.gguf`;
  await mkdir(MODEL_FOLDER, { recursive: true });
  const source = syntheticGguf({ name, shape, format: format.toUpperCase(), nLayers: shape.nLayers, seed: 1 });
  const file = await open(path, 'w');
  for (let at = 0; at < source.size; at += PIECE_BYTES)
    await file.write(await source.read(at, Math.min(source.size, at + PIECE_BYTES)));
  await file.close();
  return `/${path}`;
}
