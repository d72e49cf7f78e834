import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';

const PEERS: Record<string, string[]> = {
  ort: ['onnxruntime-web/dist/ort.webgpu.bundle.min.mjs', 'onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm'],
  wllama: ['@wllama/wllama/esm/index.min.js', '@wllama/wllama/esm/wasm/wllama.wasm'],
};

/** Script and WebAssembly that a page of a peer downloads before its first token, bytes with gzip. */
export async function peerBytes(peer: string): Promise<number> {
  const files = await Promise.all((PEERS[peer] ?? []).map((file) => readFile(`bench/node_modules/${file}`)));
  return files.reduce((sum, file) => sum + gzipSync(file).length, 0);
}

/**
 * The same for a donor's page of ours: its script, what that imports at once, and the workers with every engine of ours.
 * What is only loaded when somebody chooses it does not count.
 */
export async function ourBytes(configFile: string): Promise<number> {
  // The bench's own server has set it for development, and then libraries come with their warnings.
  process.env.NODE_ENV = 'production';
  const result = await build({ configFile, logLevel: 'error', build: { write: false } });
  if (Array.isArray(result) || !('output' in result)) throw new Error('the build of the pages made more than one bundle');
  const chunks = new Map(result.output.map((file) => [file.fileName, file]));
  const wanted = new Set<string>();
  const add = (fileName: string): void => {
    const file = chunks.get(fileName);
    if (!file || wanted.has(fileName)) return;
    wanted.add(fileName);
    if (file.type === 'chunk') file.imports.forEach(add);
  };
  for (const file of result.output)
    if (/(donate|pipeline-worker|kernel-thread)-[^/]*\.js$/.test(file.fileName)) add(file.fileName);
  const sources = [...wanted].map((name) => chunks.get(name)!).map((file) => (file.type === 'chunk' ? file.code : file.source));
  return sources.reduce((sum, source) => sum + gzipSync(source).length, 0);
}
