import type { KernelSource } from '../kernel.ts';
import { formatHelpers, type WeightFormat } from './formats.ts';
import { unroll } from './lanes.ts';

export const EMBED_THREADS = 8;

/**
 * Copies the embedding of each token that lies in the bound rows to its hidden state, as float32(scale * quant + minimum).
 * Grid: (blocks to a row / EMBED_THREADS, tokens).
 */
export function embedKernel(format: WeightFormat): KernelSource {
  const wgsl = `
struct Shape { firstRow: u32, rows: u32, blocks: u32, outputStride: u32, outputOffset: u32 }
@group(0) @binding(0) var<storage, read> weights: array<${format.element}>;
@group(0) @binding(1) var<storage, read> scales: array<u32>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;               // (tokens)
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>;    // (tokens, dim)
@group(0) @binding(4) var<uniform> shape: Shape;                        // outputOffset: token id of the first row
${formatHelpers(format)}
@compute @workgroup_size(${EMBED_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = ids[id.y] - shape.outputOffset;
  if (id.x >= shape.blocks || row >= shape.rows) { return; }
  let block = (shape.firstRow + row) * shape.blocks + id.x;
  let to = (id.y * shape.blocks + id.x) * ${format.quads}u;
  ${format.unit ? 'let scale = scalesOf(block);' : ''}
  ${unroll(format.elements, (i) => `let e${i} = weights[block * ${format.elements}u + ${i}u];`)}
  ${unroll(format.quads, (quad) => `output[to + ${quad}u] = ${values(format, quad)};`)}
}`;
  return { label: `embed ${format.type}`, wgsl, bindings: ['read', 'read', 'read', 'write', 'uniform'] };
}

function values(format: WeightFormat, quad: number): string {
  const quants = format.quad(quad, (i) => `e${i}`);
  if (!format.unit) return quants;
  const { parts, minima } = format.scales;
  if (parts === 1 && !minima) return `${quants} * (scale * ${format.unit})`;
  const part = Math.floor((quad * parts) / format.quads);
  const least = minima ? `vec4f(scale[${parts + part}])` : 'vec4f(0)';
  return `fma(${quants}, scale[${part}] * ${format.unit}, ${least})`;
}
