/**
 * Writes a synthetic GGUF file. From the root of the project:
 *
 *   npx rolldown -p node -f esm -o node_modules/.cache/write-gguf.mjs tools/synthetic-gguf/write.ts && node node_modules/.cache/write-gguf.mjs OUT.gguf --shape mid --format Q4_K_M --layers 2
 */
import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { MODEL_SHAPES } from './model-shapes.ts';
import { syntheticGguf } from './synthetic-gguf.ts';

const PIECE_BYTES = 16 * 1024 * 1024;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    shape: { type: 'string', default: 'mini' },
    format: { type: 'string', default: 'Q4_0' },
    layers: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
});
const [out] = positionals;
const shape = MODEL_SHAPES[values.shape];
if (!out || !shape) throw new Error(`Usage: OUT.gguf --shape ${Object.keys(MODEL_SHAPES).join('|')} [--format F] [--layers N]`);
const source = syntheticGguf({
  name: `${values.shape}-${values.format}`,
  shape,
  format: values.format,
  nLayers: Number(values.layers ?? shape.nLayers),
  seed: Number(values.seed),
});
const file = await open(out, 'w');
for (let at = 0; at < source.size; at += PIECE_BYTES)
  await file.write(await source.read(at, Math.min(source.size, at + PIECE_BYTES)));
await file.close();
