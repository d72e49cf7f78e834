import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MODEL_SHAPES } from '../../tools/synthetic-gguf/model-shapes.ts';
import { syntheticGguf } from '../../tools/synthetic-gguf/synthetic-gguf.ts';

const LAYERS = 8;

export interface BenchModel {
  /** For the server to offer. */
  folder: string;
  url: string;
  remove(): void;
}

/**
 * Random weights whose layers take about as long as the links: with the built-in model, whose eight layers take half a
 * millisecond, a prediction would be one of links alone, and every device as good as another.
 */
export async function writeModel(): Promise<BenchModel> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeshard-model-'));
  const source = syntheticGguf({ name: 'mini-8', shape: MODEL_SHAPES.mini!, format: 'Q4_0', nLayers: LAYERS, seed: 1 });
  writeFileSync(join(folder, 'mini-8.gguf'), await source.read(0, source.size));
  return { folder, url: '/models/mini-8.gguf', remove: () => rmSync(folder, { recursive: true }) };
}
