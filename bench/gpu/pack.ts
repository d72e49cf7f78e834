import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'vite';

/** Where the files that a machine with a GPU is likely to need lie in the package `webgpu`. */
const PLATFORM = 'linux-x64';

/**
 * Bundles the measurement into one script and packs it with the one package that it needs, for Linux on x64.
 * @returns bytes of the file
 */
export async function packBench(file: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-gpu-'));
  try {
    await build({
      configFile: false,
      publicDir: false,
      logLevel: 'error',
      ssr: { external: ['webgpu', 'vite'] },
      build: {
        ssr: 'bench/gpu/packed.ts',
        outDir: folder,
        target: 'node20',
        rolldownOptions: { output: { entryFileNames: 'gpu.js' } },
      },
    });
    const from = 'bench/node_modules/webgpu';
    const to = join(folder, 'node_modules/webgpu');
    await mkdir(join(to, 'dist'), { recursive: true });
    for (const part of ['package.json', 'index.js', 'LICENSE.md', `dist/${PLATFORM}`])
      await cp(join(from, part), join(to, part), { recursive: true });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
    await promisify(execFile)('tar', ['-czf', resolve(file), '-C', folder, '.']);
    return (await stat(file)).size;
  } finally {
    await rm(folder, { recursive: true });
  }
}
