import { gzippedWasm } from './assembly/index.ts?wasm';
import { forSharedMemory } from './shared-module.ts';

/** Address in the memory of the kernels, bytes. */
export type Address = number;

/**
 * What `assembly/index.ts` exports. Floats lie at multiples of four bytes; `format` is a number of enum ggml_type;
 * `multiplyRow` takes a multiple of four rows.
 */
export interface Kernels {
  multiplyRow(
    format: number,
    weights: Address,
    columns: number,
    x: Address,
    out: Address,
    startRow: number,
    endRow: number,
  ): void;
  expand(format: number, weights: Address, columns: number, startRow: number, endRow: number, to: Address): void;
  multiplyFour(expanded: Address, columns: number, x: Address, count: number, out: Address, outColumns: number): void;
  multiplySome(expanded: Address, columns: number, rows: number, x: Address, out: Address): void;
  attend(
    query: Address,
    out: Address,
    blocks: Address,
    length: number,
    nHeads: number,
    nKvHeads: number,
    headDim: number,
    firstHead: number,
    endHead: number,
    scores: Address,
  ): void;
  rmsNorm(x: Address, weight: Address, dim: number, eps: number, count: number, out: Address): void;
  gateUp(gate: Address, up: Address, count: number): void;
  add(to: Address, from: Address, count: number): void;
  sumExp(logits: Address, count: number, largest: number, scale: number): number;
}

const compiled = new Map<boolean, Promise<WebAssembly.Module | null>>();

/**
 * The compiled kernels, the same for every engine; null in a browser without WebAssembly SIMD.
 * @param shared for a memory that threads share
 */
export function compileKernels({ shared = false } = {}): Promise<WebAssembly.Module | null> {
  const known = compiled.get(shared) ?? compile(shared);
  compiled.set(shared, known);
  return known;
}

/** The kernels on a memory. */
export function bindKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}

async function compile(shared: boolean): Promise<WebAssembly.Module | null> {
  if (typeof WebAssembly === 'undefined') return null;
  try {
    const wasm = await unpack(gzippedWasm);
    return await WebAssembly.compile(shared ? forSharedMemory(wasm) : wasm);
  } catch {
    return null;
  }
}

/** Every browser that has 128-bit vectors can unpack too. */
async function unpack(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
