import { AppError } from '../shared/errors.ts';
import { MAX_LAYERS } from '../shared/model/limits.ts';
import type { ModelSpec } from '../shared/model/model-spec.ts';
import { foreignSetting } from './foreign-settings.ts';
import type { GgufHeader } from './header.ts';
import { type Metadata, required } from './metadata.ts';
import { QUANT_TYPES } from './quant.ts';
import { embeddingTensors, hasTiedHead, headTensors, layerTensors, sliceBytes, type TensorSlice } from './shard-bytes.ts';
import { LAYER_ROLES, type TensorRole } from './weight-tensor.ts';

const MAX_NAME_CHARS = 80;

type Dimensions = Pick<ModelSpec, 'dim' | 'nLayers' | 'nHeads' | 'nKvHeads' | 'headDim' | 'ffnDim' | 'ropeDim' | 'contextLength'>;

/**
 * What the header says of the model, once it is certain that the engines compute exactly this model.
 *
 * @throws AppError architecture-unsupported (not llama, or a variant of it: experts, a RoPE scaled in other ways than linearly or by factors, a sliding window,
 * biases, settings of other families), quantisation-unsupported, model-malformed (a key or tensor is missing or does not fit the others)
 */
export function llamaSpec(header: GgufHeader): ModelSpec {
  refuseOtherArchitectures(header.metadata);
  const dimensions = readDimensions(header.metadata);
  refuseOtherTensors(header, dimensions.nLayers);
  const layers = Array.from({ length: dimensions.nLayers }, (_, layer) => layerTensors(header, layer));
  const embedding = embeddingTensors(header);
  const head = headTensors(header);
  const vocabSize = embedding[0]!.rows;
  const all = [...layers.flat(), ...embedding, ...head];
  checkShapes(all, dimensions, vocabSize);
  return {
    name: (header.metadata.text('general.name') || 'unnamed model').slice(0, MAX_NAME_CHARS),
    architecture: 'llama',
    quantisation: mostUsedFormat(layers.flat()),
    ...dimensions,
    ...readRopeFactors(header, dimensions.ropeDim),
    vocabSize,
    ropeTheta: positive(header.metadata.number('llama.rope.freq_base') ?? 10000, 'llama.rope.freq_base'),
    rmsEps: positive(requiredNumber(header.metadata, 'llama.attention.layer_norm_rms_epsilon'), 'the RMSNorm epsilon'),
    tiedHead: hasTiedHead(header),
    layerBytes: layers.map(sliceBytes),
    embeddingBytes: sliceBytes(embedding),
    headBytes: sliceBytes(head),
  };
}

function unsupported(detail: string): AppError {
  return new AppError('architecture-unsupported', `${detail}; only plain llama models run here`, { values: { detail } });
}

function refuseOtherArchitectures(metadata: Metadata): void {
  const architecture = required(metadata.text('general.architecture'), 'general.architecture');
  if (architecture !== 'llama') throw unsupported(`the model's architecture is ${architecture.slice(0, 40)}`);
  const experts = metadata.count('llama.expert_count') ?? 0;
  if (experts > 0) throw unsupported(`the model has ${experts} experts`);
  const scaling = ropeScaling(metadata);
  if (scaling !== 'none' && scaling !== 'linear') throw unsupported(`the model scales its RoPE by ${scaling.slice(0, 40)}`);
  const windowTokens = metadata.count('llama.attention.sliding_window') ?? 0;
  if (windowTokens > 0) throw unsupported(`the model's attention slides over ${windowTokens} tokens`);
  const foreign = foreignSetting(metadata);
  if (foreign) throw unsupported(foreign);
}

/** llama.cpp takes a factor without a name as linear. */
function ropeScaling(metadata: Metadata): string {
  return metadata.text('llama.rope.scaling.type') ?? 'linear';
}

/** Linear scaling slows all pairs alike (Chen et al. 2023); Llama 3 has a factor for each in `rope_freqs.weight`. */
function readRopeFactors({ metadata, ropeFactors }: GgufHeader, ropeDim: number): Pick<ModelSpec, 'ropeFactors'> {
  const factor = metadata.number('llama.rope.scaling.factor') ?? metadata.number('llama.rope.scale_linear') ?? 0;
  // llama.cpp too takes 0 for "not scaled".
  const linear = ropeScaling(metadata) === 'linear' && factor !== 0 ? positive(factor, 'the RoPE scaling factor') : 1;
  if (ropeFactors && ropeFactors.length !== ropeDim / 2) {
    throw new AppError('model-malformed', `rope_freqs.weight has ${ropeFactors.length} values, RoPE turns ${ropeDim / 2} pairs`);
  }
  if (!ropeFactors && linear === 1) return {};
  const factors = Array.from({ length: ropeDim / 2 }, (_, i) => linear * positive(ropeFactors?.[i] ?? 1, 'a RoPE factor'));
  return { ropeFactors: factors };
}

function readDimensions(metadata: Metadata): Dimensions {
  const dim = size(metadata, 'llama.embedding_length');
  const nHeads = size(metadata, 'llama.attention.head_count');
  const headDim = size(metadata, 'llama.attention.key_length', dim / nHeads);
  const dimensions = {
    dim,
    nLayers: size(metadata, 'llama.block_count'),
    nHeads,
    nKvHeads: size(metadata, 'llama.attention.head_count_kv', nHeads),
    headDim,
    ffnDim: size(metadata, 'llama.feed_forward_length'),
    ropeDim: size(metadata, 'llama.rope.dimension_count', headDim),
    contextLength: size(metadata, 'llama.context_length'),
  };
  checkDimensions(dimensions, size(metadata, 'llama.attention.value_length', headDim));
  return dimensions;
}

/** A positive whole number below 2^32. Where a file has one for each layer, all must be the same. */
function size(metadata: Metadata, key: string, fallback?: number): number {
  const [first, ...others] = Array.isArray(metadata.get(key)) ? metadata.numbers(key)! : [metadata.count(key)];
  if (others.some((other) => other !== first)) throw unsupported(`the model's layers differ in ${key}`);
  const value = required(first ?? fallback, key);
  if (Number.isInteger(value) && value >= 1 && value < 2 ** 32) return value;
  throw new AppError('model-malformed', `${key} is ${value}; it must be a whole number from 1 to 2^32 - 1`);
}

function requiredNumber(metadata: Metadata, key: string): number {
  return required(metadata.number(key), key);
}

function positive(value: number, what: string): number {
  if (value > 0 && Number.isFinite(value)) return value;
  throw new AppError('model-malformed', `${what} is ${value}; it must be finite and greater than 0`);
}

function checkDimensions(d: Dimensions, valueLength: number): void {
  if (d.nLayers > MAX_LAYERS)
    throw new AppError('model-malformed', `the model has ${d.nLayers} layers, allowed are ${MAX_LAYERS}`);
  if (d.nHeads % d.nKvHeads !== 0) {
    throw new AppError('model-malformed', `${d.nHeads} attention heads can't share ${d.nKvHeads} key-value heads evenly`);
  }
  if (valueLength !== d.headDim) throw unsupported(`keys have ${d.headDim} values a head and values ${valueLength}`);
  if (d.ropeDim % 2 !== 0 || d.ropeDim > d.headDim) {
    throw new AppError(
      'model-malformed',
      `RoPE turns ${d.ropeDim} of a head's ${d.headDim} values; it must be an even part of them`,
    );
  }
}

/** A tensor that the engines would not use means that the model computes something else. */
function refuseOtherTensors(header: GgufHeader, nLayers: number): void {
  if (header.unsupported.length > 0) {
    const formats = [...new Set(header.unsupported.map(({ format }) => format))].join(', ');
    const supported = QUANT_TYPES.join(', ');
    throw new AppError(
      'quantisation-unsupported',
      `${header.unsupported.length} tensors are in the formats ${formats}; supported are ${supported}`,
      { values: { formats, supported } },
    );
  }
  const known = new Set(['rope_freqs.weight', 'token_embd.weight', 'output_norm.weight', 'output.weight']);
  for (let layer = 0; layer < nLayers; layer++) for (const role of LAYER_ROLES) known.add(`blk.${layer}.${role}.weight`);
  for (const name of header.tensors.keys()) {
    if (!known.has(name)) throw unsupported(`the model has the tensor ${name.slice(0, MAX_NAME_CHARS)}`);
  }
}

/** (rows, columns) of each role. */
function shapesByRole(d: Dimensions, vocabSize: number): Record<TensorRole, [rows: number, columns: number]> {
  const qDim = d.nHeads * d.headDim;
  const kvDim = d.nKvHeads * d.headDim;
  return {
    token_embd: [vocabSize, d.dim],
    attn_norm: [1, d.dim],
    attn_q: [qDim, d.dim],
    attn_k: [kvDim, d.dim],
    attn_v: [kvDim, d.dim],
    attn_output: [d.dim, qDim],
    ffn_norm: [1, d.dim],
    ffn_gate: [d.ffnDim, d.dim],
    ffn_up: [d.ffnDim, d.dim],
    ffn_down: [d.dim, d.ffnDim],
    output_norm: [1, d.dim],
    output: [vocabSize, d.dim],
  };
}

function checkShapes(slices: readonly TensorSlice[], dimensions: Dimensions, vocabSize: number): void {
  const expected = shapesByRole(dimensions, vocabSize);
  for (const { role, type, rows, columns } of slices) {
    const [wantedRows, wantedColumns] = expected[role];
    if (rows !== wantedRows || columns !== wantedColumns) {
      throw new AppError(
        'model-malformed',
        `${role} is ${rows} x ${columns}, the metadata asks for ${wantedRows} x ${wantedColumns}`,
      );
    }
    if (role.endsWith('_norm') && type !== 'F32') {
      throw new AppError('quantisation-unsupported', `${role} is in ${type}; norms must be in F32`, {
        values: { formats: `${type} (${role})`, supported: 'norms in F32' },
      });
    }
  }
}

function mostUsedFormat(slices: readonly TensorSlice[]): string {
  const values = new Map<string, number>();
  for (const { type, rows, columns } of slices) values.set(type, (values.get(type) ?? 0) + rows * columns);
  return [...values].sort((a, b) => b[1] - a[1])[0]![0];
}
