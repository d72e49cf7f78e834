/**
 * Writes the files that tools/oracle/logits.mjs runs in llama.cpp. From the root of the project:
 *
 *   npx rolldown -p node -f esm -o node_modules/.cache/write-variants.mjs tools/synthetic-gguf/write-variants.ts && node node_modules/.cache/write-variants.mjs FOLDER
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURE_VARIANTS, VARIANT_TOKENS } from './architecture-variants.ts';
import { syntheticGguf } from './synthetic-gguf.ts';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('Usage: write-variants FOLDER');
await mkdir(folder, { recursive: true });
await writeFile(join(folder, 'tokens.json'), JSON.stringify(VARIANT_TOKENS));
for (const variant of ARCHITECTURE_VARIANTS) {
  const source = syntheticGguf(variant);
  await writeFile(join(folder, `${variant.name}.gguf`), await source.read(0, source.size));
}
