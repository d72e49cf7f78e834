import type { KernelSource } from '../kernel.ts';
import type { WeightFormat } from './formats.ts';

export const EMBED_THREADS = 8;

/**
 * Copies the embedding of each token that lies in the bound rows to its hidden state, as float32(scale * quant).
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
${format.helpers}
@compute @workgroup_size(${EMBED_THREADS})
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = ids[id.y] - shape.outputOffset;
  if (id.x >= shape.blocks || row >= shape.rows) { return; }
  let block = (shape.firstRow + row) * shape.blocks + id.x;
  let to = (id.y * shape.blocks + id.x) * ${format.quads}u;
  ${format.unit ? `let pair = unpack2x16float(scales[block >> 1u]); let scale = select(pair.x, pair.y, (block & 1u) == 1u) * ${format.unit};` : ''}
  ${Array.from({ length: format.elements }, (_, i) => `let e${i} = weights[block * ${format.elements}u + ${i}u];`).join('\n')}
  ${Array.from({ length: format.elements }, (_, i) =>
    format.quadsOf(i).map(({ quad, wgsl }) => `output[to + ${quad}u] = ${wgsl(`e${i}`)}${format.unit ? ' * scale' : ''};`),
  )
    .flat()
    .join('\n')}
}`;
  return { label: `embed ${format.type}`, wgsl, bindings: ['read', 'read', 'read', 'write', 'uniform'] };
}
