import { BLOCK_FORMATS, QUANT_TYPES, type QuantType } from '../../src/gguf/quant.ts';
import type { TensorRole } from '../../src/gguf/weight-tensor.ts';

/** A format of one of a model's tensors. */
export type FormatOf = (role: TensorRole, layer: number, columns: number) => QuantType;

/** Every matrix in one format, or `Q4_K_M`, which mixes. Norms are F32. */
export const FILE_FORMATS: readonly string[] = [...QUANT_TYPES, 'Q4_K_M'];

/** What llama.cpp's quantiser takes for rows that are not whole superblocks. */
const FALLBACKS: Partial<Record<QuantType, QuantType>> = {
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
};

/** @throws Error for a name that is not in FILE_FORMATS */
export function fileFormat(name: string, nLayers: number): FormatOf {
  const uniform = QUANT_TYPES.find((type) => type === name);
  if (!uniform && name !== 'Q4_K_M') throw new Error(`unknown format ${name}; there are ${FILE_FORMATS.join(', ')}`);
  return (role, layer, columns) => {
    if (role.endsWith('_norm')) return 'F32';
    const type = uniform ?? q4KM(role, layer, nLayers);
    return columns % BLOCK_FORMATS[type].blockValues === 0 ? type : (FALLBACKS[type] ?? 'F16');
  };
}

/** Values and the second feed-forward matrix are finer in the first and last eighth of the layers and in every third between. */
function q4KM(role: TensorRole, layer: number, nLayers: number): QuantType {
  if (role === 'output') return 'Q6_K';
  const eighth = Math.floor(nLayers / 8);
  const finer = layer < eighth || layer >= Math.floor((7 * nLayers) / 8) || (layer - eighth) % 3 === 2;
  return finer && (role === 'attn_v' || role === 'ffn_down') ? 'Q6_K' : 'Q4_K';
}
