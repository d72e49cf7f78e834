import type { Fidelity } from './evaluate.ts';
import type { GreedyComparison } from './greedy.ts';

/** What was measured of one file. */
export interface FileAccuracy {
  file: string;
  rows: Record<string, Fidelity>;
  /** Against llama.cpp on the file as it is: its own arithmetic on quantised blocks included. */
  greedyPacked: GreedyComparison[];
  /** Against the same float weights expanded, where llama.cpp and PyTorch agree on every token. */
  greedyExpanded: GreedyComparison[];
}

/** Names of the rows of `FileAccuracy`. */
export const ROWS = {
  exact: 'float64',
  halfKv: 'float64, 16-bit KV',
  llama: 'llama.cpp',
  cpu: 'ours, CPU',
  wire: 'ours, CPU, f16 wire',
  webgpu: 'ours, WebGPU',
};
