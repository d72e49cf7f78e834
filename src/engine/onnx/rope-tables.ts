import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { ropeFrequencies } from '../rope-frequencies.ts';
import type { RopeTables } from './llama-graph.ts';

/** Angles in float64 until they are sines. */
export function ropeTables(spec: ModelSpec, contextLength: number): RopeTables {
  const frequencies = ropeFrequencies(spec);
  const half = frequencies.length;
  const cosines = new Float32Array(contextLength * half);
  const sines = new Float32Array(contextLength * half);
  for (let position = 0; position < contextLength; position++) {
    for (const [i, frequency] of frequencies.entries()) {
      cosines[position * half + i] = Math.cos(position * frequency);
      sines[position * half + i] = Math.sin(position * frequency);
    }
  }
  return { cosines, sines };
}
