import type { LayerRole, WeightTensor } from '../../gguf/weight-tensor.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { MICROSOFT, type OnnxGraph, type OnnxNode, type OnnxTensor, type OnnxValue } from './onnx-model.ts';
import { type PackedMatrix, packMatrix, packVector } from './repack.ts';

export type LayerTensors = Record<LayerRole, WeightTensor>;
export type HeadTensors = Record<'output_norm' | 'output', WeightTensor>;

/** Names of what a session takes and gives. Layers are numbered from the first of the graph. */
export const VALUES = {
  input: 'input',
  output: 'hidden_out',
  logits: 'logits',
  lastPosition: 'last_position',
  totalLength: 'total_length',
  headRows: 'head_rows',
  pastKey: (layer: number) => `past_key.${layer}`,
  pastValue: (layer: number) => `past_value.${layer}`,
  presentKey: (layer: number) => `present_key.${layer}`,
  presentValue: (layer: number) => `present_value.${layer}`,
} as const;

/** Cosines and sines of every position, (contextLength, ropeDim / 2) each. */
export interface RopeTables {
  cosines: Float32Array<ArrayBuffer>;
  sines: Float32Array<ArrayBuffer>;
}

/**
 * An ONNX graph of consecutive decoder layers, and of the head when it is given, for one sequence:
 * input (1, tokens, dim) -> hidden_out (1, tokens, dim), or logits (1, rows, vocabSize) of the tokens that `head_rows`
 * (rows) names.
 *
 * Keys and values, (1, nKvHeads, capacity, headDim), come in with what they hold already and go out with the new positions
 * added; a caller binds the same buffer to both. `last_position` (1) is the index of the last new token, `total_length`
 * that plus one.
 */
export function llamaGraph(
  spec: ModelSpec,
  tables: RopeTables | null,
  layers: readonly LayerTensors[],
  head?: HeadTensors,
): OnnxGraph {
  return new GraphBuilder(spec).build(tables, layers, head);
}

class GraphBuilder {
  private readonly spec: ModelSpec;
  private readonly nodes: OnnxNode[] = [];
  private readonly initializers: OnnxTensor[] = [];
  private readonly inputs: OnnxValue[] = [];
  private readonly outputs: OnnxValue[] = [];

  constructor(spec: ModelSpec) {
    this.spec = spec;
  }

  build(tables: RopeTables | null, layers: readonly LayerTensors[], head?: HeadTensors): OnnxGraph {
    const { dim } = this.spec;
    this.inputs.push({ name: VALUES.input, type: 'float32', dims: [1, 'tokens', dim] });
    if (tables) this.addPositions(tables);
    let stream: Stream = { hidden: VALUES.input, addend: null };
    for (const [index, layer] of layers.entries()) stream = this.addLayer(index, layer, stream);
    if (head) this.addHead(head, this.joined(stream));
    else this.outputs.push({ name: this.joined(stream, VALUES.output), type: 'float32', dims: [1, 'tokens', dim] });
    const { nodes, initializers, inputs, outputs } = this;
    return { nodes, initializers, inputs, outputs };
  }

  private addHead(head: HeadTensors, hidden: string): void {
    this.inputs.push({ name: VALUES.headRows, type: 'int32', dims: ['rows'] });
    const attributes = { axis: { int: 1 } };
    this.add({ operator: 'Gather', inputs: [hidden, VALUES.headRows], outputs: ['head_hidden'], attributes });
    const { normed } = this.norm('output_norm', { hidden: 'head_hidden', addend: null }, head.output_norm);
    this.product(VALUES.logits, packMatrix('output', head.output), normed);
    this.outputs.push({ name: VALUES.logits, type: 'float32', dims: [1, 'rows', this.spec.vocabSize] });
  }

  private joined({ hidden, addend }: Stream, output = 'joined'): string {
    if (addend) this.add({ operator: 'Add', inputs: [hidden, addend], outputs: [output] });
    else this.add({ operator: 'Identity', inputs: [hidden], outputs: [output] });
    return output;
  }

  private addPositions({ cosines, sines }: RopeTables): void {
    const half = this.spec.ropeDim / 2;
    const dims = [cosines.length / half, half];
    this.initializers.push({ name: 'cosines', type: 'float32', dims, bytes: new Uint8Array(cosines.buffer) });
    this.initializers.push({ name: 'sines', type: 'float32', dims, bytes: new Uint8Array(sines.buffer) });
    for (const name of [VALUES.lastPosition, VALUES.totalLength]) this.inputs.push({ name, type: 'int32', dims: [1] });
  }

  private addLayer(index: number, layer: LayerTensors, stream: Stream): Stream {
    const product = (role: LayerRole, input: string) =>
      this.product(`${index}.${role}.out`, packMatrix(`${index}.${role}`, layer[role]), input);
    const before = this.norm(`${index}.attn_norm`, stream, layer.attn_norm);
    const qkv = (['attn_q', 'attn_k', 'attn_v'] as const).map((role) => product(role, before.normed));
    const attended = product('attn_output', this.attention(index, qkv));
    const middle = this.norm(`${index}.ffn_norm`, { hidden: before.hidden, addend: attended }, layer.ffn_norm);
    const gate = product('ffn_gate', middle.normed);
    const up = product('ffn_up', middle.normed);
    // x * sigmoid(x) is QuickGelu with a factor of one.
    const silu = `${index}.silu`;
    const gated = `${index}.gated`;
    const attributes = { alpha: { float: 1 } };
    this.add({ operator: 'QuickGelu', domain: MICROSOFT, inputs: [gate], outputs: [silu], attributes });
    this.add({ operator: 'Mul', inputs: [silu, up], outputs: [gated] });
    return { hidden: middle.hidden, addend: product('ffn_down', gated) };
  }

  /** Grouped-query attention with rotation of neighbouring pairs, which appends to the keys and values it is given. */
  private attention(index: number, qkv: readonly string[]): string {
    const { nHeads, nKvHeads, headDim } = this.spec;
    const pasts = [VALUES.pastKey(index), VALUES.pastValue(index)];
    const presents = [VALUES.presentKey(index), VALUES.presentValue(index)];
    for (const name of pasts) this.inputs.push({ name, type: 'float32', dims: [1, nKvHeads, 'capacity', headDim] });
    for (const name of presents) this.outputs.push({ name, type: 'float32', dims: [1, nKvHeads, 'capacity', headDim] });
    const mixed = `${index}.mixed`;
    this.add({
      operator: 'GroupQueryAttention',
      domain: MICROSOFT,
      inputs: [...qkv, ...pasts, VALUES.lastPosition, VALUES.totalLength, 'cosines', 'sines'],
      outputs: [mixed, ...presents],
      attributes: {
        num_heads: { int: nHeads },
        kv_num_heads: { int: nKvHeads },
        do_rotary: { int: 1 },
        rotary_interleaved: { int: 1 },
      },
    });
    return mixed;
  }

  /** RMSNorm of the sum of both parts of the stream, and that sum. */
  private norm(name: string, { hidden, addend }: Stream, weight: WeightTensor): { normed: string; hidden: string } {
    this.initializers.push(packVector(name, weight));
    const epsilon = { float: this.spec.rmsEps };
    const normed = `${name}.out`;
    if (!addend) {
      const attributes = { axis: { int: 2 }, epsilon, stash_type: { int: 1 } };
      this.add({ operator: 'SimplifiedLayerNormalization', inputs: [hidden, name], outputs: [normed], attributes });
      return { normed, hidden };
    }
    const sum = `${name}.sum`;
    this.add({
      operator: 'SkipSimplifiedLayerNormalization',
      domain: MICROSOFT,
      inputs: [hidden, addend, name],
      outputs: [normed, '', '', sum],
      attributes: { epsilon },
    });
    return { normed, hidden: sum };
  }

  private product(output: string, matrix: PackedMatrix, input: string): string {
    const { weights, rows, columns } = matrix;
    this.initializers.push(weights);
    if (matrix.kind === 'float') {
      this.add({ operator: 'MatMul', inputs: [input, weights.name], outputs: [output] });
      return output;
    }
    this.initializers.push(matrix.scales);
    const attributes = { K: { int: columns }, N: { int: rows }, bits: { int: matrix.bits }, block_size: { int: 32 } };
    const inputs = [input, weights.name, matrix.scales.name];
    this.add({ operator: 'MatMulNBits', domain: MICROSOFT, inputs, outputs: [output], attributes });
    return output;
  }

  private add(node: OnnxNode): void {
    this.nodes.push(node);
  }
}

/** Hidden states, as a sum that the next norm takes in one step: what came in, and what a product adds to it. */
interface Stream {
  hidden: string;
  addend: string | null;
}
