import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Release code for typed memory that we lay out ourselves: no run-time library, no checks that trap, 128-bit vectors. */
const COMPILER_OPTIONS = ['-O3', '--noAssert', '--enable', 'simd', '--runtime', 'stub', '--importMemory', '--use', 'abort='];

/** Asks for the WebAssembly of a source, as Vite's own queries ask for other things that can be made of a file. */
const ENTRY = /\/assembly\/[^/]+\.ts\?wasm$/;

/**
 * Compiles `import { gzippedWasm } from './assembly/index.ts?wasm'` while the pages are built and while tests run, so that the
 * repository holds sources only. What lies in a folder `assembly` looks like TypeScript and is not.
 */
export function assemblyScript(): Plugin {
  return {
    name: 'assemblyscript',
    async load(id) {
      if (!ENTRY.test(id)) return null;
      const { wasm, sources } = await compile(id.replace('?wasm', ''));
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
  const { error, stderr } = await asc.main([basename(entry), '--outFile', 'out.wasm', ...COMPILER_OPTIONS], {
    readFile: async (name) => {
      const source = join(folder, name);
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
