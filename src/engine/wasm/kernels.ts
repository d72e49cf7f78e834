import { wasmBase64 } from './kernels/index.as';

/** Address in the memory of the kernels, bytes. */
export type Address = number;

/**
 * What `kernels/index.as` exports. Floats lie at multiples of four bytes; `format` is a number of enum ggml_type;
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
    scores: Address,
  ): void;
  rmsNorm(x: Address, weight: Address, dim: number, eps: number, count: number, out: Address): void;
  gateUp(gate: Address, up: Address, count: number): void;
  add(to: Address, from: Address, count: number): void;
  sumExp(logits: Address, count: number, largest: number, scale: number): number;
}

let compiled: Promise<WebAssembly.Module | null> | undefined;

/** The compiled kernels, the same for every engine; null in a browser without WebAssembly SIMD. */
export function compileKernels(): Promise<WebAssembly.Module | null> {
  compiled ??= compile();
  return compiled;
}

/** The kernels on a memory. */
export function bindKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}

async function compile(): Promise<WebAssembly.Module | null> {
  if (typeof WebAssembly === 'undefined') return null;
  const bytes = Uint8Array.from(atob(wasmBase64), (char) => char.charCodeAt(0));
  return WebAssembly.compile(bytes).catch(() => null);
}
