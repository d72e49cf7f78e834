import type { QuantType } from '../../gguf/quant.ts';
import type { WeightTensor } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { randomEmbedding, randomHead, randomLayer } from '../random-weights.ts';
import type { ReferenceSource } from '../reference.ts';
import type { ShardEngine } from '../shard-engine.ts';
import { type TensorTypes, uniformTypes } from '../tensor-shape.ts';

/** A model of random weights for the contract test, tiny but odd in everything that an engine could take for granted. */
export interface ContractModel {
  title: string;
  spec: ModelSpec;
  types: TensorTypes;
  seed: number;
}

const SHAPE = { dim: 64, nLayers: 3, nHeads: 4, nKvHeads: 2, headDim: 16, ropeDim: 16, ffnDim: 96, vocabSize: 131 };

function contractModel(
  title: string,
  type: QuantType,
  shape: Partial<ModelSpec>,
  otherTypes: Partial<TensorTypes> = {},
): ContractModel {
  const spec: ModelSpec = {
    name: title,
    architecture: 'llama',
    quantisation: type,
    ...SHAPE,
    contextLength: 512,
    ropeTheta: 10_000,
    rmsEps: 1e-5,
    tiedHead: false,
    layerBytes: [],
    embeddingBytes: 0,
    headBytes: 0,
    ...shape,
  };
  return { title, spec, types: { ...uniformTypes(type), ...otherTypes }, seed: 7 };
}

export const PLAIN_MODEL = contractModel('Q8_0, 2 query heads per key head', 'Q8_0', {});

/** So many ids that no engine looks at each of them by itself when it sums over them or picks the largest. */
export const WIDE_MODEL = contractModel('Q8_0, a vocabulary of 1100', 'Q8_0', { nLayers: 1, vocabSize: 1100 });

/** The K formats have 256 values to a block. */
const SUPERBLOCKS = { dim: 256, nLayers: 1, headDim: 64, ropeDim: 64, ffnDim: 256 };

export const ODD_MODELS: ContractModel[] = [
  contractModel('F32, every head with its own key, part of it rotated', 'F32', {
    nHeads: 3,
    nKvHeads: 3,
    headDim: 32,
    ropeDim: 8,
  }),
  contractModel('F16, 4 query heads per key head, heads narrower than dim, scaled RoPE', 'F16', {
    dim: 96,
    nHeads: 8,
    headDim: 8,
    ropeDim: 8,
    ffnDim: 352,
    vocabSize: 517,
    ropeTheta: 500_000,
    ropeFactors: [1, 1.5, 4, 8],
  }),
  contractModel('Q8_0, tied head', 'Q8_0', { tiedHead: true, ffnDim: 352, nLayers: 2 }),
  contractModel('Q4_0, one key head for all, heads wider than dim', 'Q4_0', {
    nKvHeads: 1,
    headDim: 32,
    ropeDim: 24,
    ffnDim: 160,
    vocabSize: 203,
    rmsEps: 1e-3,
  }),
  contractModel('Q4_K, Q6_K and Q5_K, as in files of mixed formats', 'Q4_K', SUPERBLOCKS, {
    attn_k: 'Q5_K',
    attn_v: 'Q6_K',
    ffn_down: 'Q6_K',
    output: 'Q6_K',
  }),
  contractModel(
    'Q2_K and Q3_K, more than one superblock to a row',
    'Q3_K',
    { ...SUPERBLOCKS, ffnDim: 512 },
    {
      attn_q: 'Q2_K',
      attn_k: 'Q2_K',
      ffn_gate: 'Q2_K',
      ffn_down: 'Q2_K',
      token_embd: 'Q2_K',
      output: 'Q5_K',
    },
  ),
  contractModel(
    'Q4_1, Q5_0, Q5_1 and BF16',
    'Q5_1',
    {},
    {
      attn_q: 'Q4_1',
      attn_v: 'BF16',
      ffn_gate: 'Q5_0',
      ffn_down: 'Q5_0',
      token_embd: 'BF16',
      output: 'Q4_1',
    },
  ),
];

export function layerTensors(model: ContractModel, layer: number): AsyncIterable<WeightTensor> {
  return randomLayer(model.spec, model.types, layer, model.seed);
}

export function embeddingTensors(model: ContractModel): AsyncIterable<WeightTensor> {
  return randomEmbedding(model.spec, model.types, model.seed);
}

export async function* headTensors(model: ContractModel): AsyncGenerator<WeightTensor> {
  for await (const tensor of randomHead(model.spec, model.types, model.seed)) {
    if (tensor.role !== 'output' || !model.spec.tiedHead) yield tensor;
    else for await (const embedding of embeddingTensors(model)) yield { ...embedding, role: 'output' };
  }
}

export function referenceSource(model: ContractModel): ReferenceSource {
  return {
    layers: Array.from({ length: model.spec.nLayers }, (_, layer) => layerTensors(model, layer)),
    embedding: embeddingTensors(model),
    head: headTensors(model),
  };
}

export async function loadWhole(engine: ShardEngine, model: ContractModel): Promise<void> {
  await engine.loadEmbedding(embeddingTensors(model));
  for (let layer = 0; layer < model.spec.nLayers; layer++) await engine.loadLayer(layer, layerTensors(model, layer));
  await engine.loadHead(headTensors(model));
}

/** Token ids that look random and are the same every time. */
export function someTokens(model: ContractModel, count: number, salt = 1): number[] {
  return Array.from({ length: count }, (_, i) => (Math.imul(i + salt, 0x9e3779b1) >>> 8) % model.spec.vocabSize);
}
