import type { Fidelity } from './evaluate.ts';
import type { EngineGreedy } from './greedy.ts';

/** What was measured of one file. */
export interface FileAccuracy {
  file: string;
  rows: Record<string, Fidelity>;
  greedy: EngineGreedy[];
}

/** Names of the rows of `FileAccuracy` that are not of an engine of ours. */
export const ROWS = {
  exact: 'float64',
  halfKv: 'float64, half-precision KV',
  llama: 'llama.cpp',
};

/** Our engines, as rows of `FileAccuracy` are called. */
export const OURS = { cpu: 'ours, TypeScript', wasm: 'ours, WASM', webGpu: 'ours, WebGPU' };

/** The same engine in several stages, between which hidden states travel as 16-bit floats. */
export function halfWireRow(engine: string): string {
  return `${engine}, f16 wire`;
}
