import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Release code for typed memory that we lay out ourselves: no run-time library, no checks that trap, 128-bit vectors. */
const COMPILER_OPTIONS = ['-O3', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory', '--use', 'abort='];

/**
 * Compiles `import { gzippedWasm } from './x.as'` while the pages are built and while tests run, so that the repository
 * holds sources only. AssemblyScript sources are called `.as` here, because they look like TypeScript but are not.
 */
export function assemblyScript(): Plugin {
  return {
    name: 'assemblyscript',
    async load(id) {
      if (!id.endsWith('.as')) return null;
      const { wasm, sources } = await compile(id);
      for (const source of sources) this.addWatchFile(source);
      // Packed before it is written in letters: letters alone hide from a server's compression what repeats.
      return `export const gzippedWasm = '${gzipSync(wasm, { level: 9 }).toString('base64')}';`;
    },
  };
}

async function compile(entry: string): Promise<{ wasm: Uint8Array; sources: string[] }> {
  const { default: asc } = await import('assemblyscript/asc');
  const folder = dirname(entry);
  const sources: string[] = [];
  let wasm: Uint8Array | null = null;
  const { error, stderr } = await asc.main([basename(entry, '.as').concat('.ts'), '--outFile', 'out.wasm', ...COMPILER_OPTIONS], {
    readFile: async (name) => {
      const source = join(folder, name.replace(/\.ts$/, '.as'));
      const text = await readFile(source, 'utf8').catch(() => null);
      if (text !== null) sources.push(source);
      return text;
    },
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') wasm = contents;
    },
    listFiles: () => [],
  });
  if (error || !wasm) throw new Error(`${entry} does not compile: ${error?.message}\n${stderr.toString()}`);
  return { wasm, sources };
}
