import * as v from 'valibot';
import { MAX_LAYERS } from './limits.ts';
import { count, positive } from './numbers.ts';

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(80));
const aboveZero = v.pipe(v.number(), v.finite(), v.gtValue(0));

/** What planning and running a model needs to know of it, read from its GGUF header. Sizes in bytes are those of the file. */
export const ModelSpecSchema = v.strictObject({
  name,
  architecture: v.literal('llama'),
  /** Name of the most frequent weight format, for people: `Q8_0`. */
  quantisation: name,
  dim: positive,
  nLayers: v.pipe(positive, v.maxValue(MAX_LAYERS)),
  nHeads: positive,
  nKvHeads: positive,
  headDim: positive,
  ffnDim: positive,
  vocabSize: positive,
  /** Longest context the model was trained for, tokens. */
  contextLength: positive,
  ropeTheta: aboveZero,
  /** How many of a head's dimensions are rotated. */
  ropeDim: positive,
  /** Divides the angle of each rotated pair, (ropeDim / 2): linear scaling, or that of Llama 3. Absent for plain RoPE. */
  ropeFactors: v.exactOptional(v.pipe(v.array(aboveZero), v.maxLength(512))),
  rmsEps: aboveZero,
  /** True when the head multiplies by the token embedding (the file has no `output.weight`). */
  tiedHead: v.boolean(),
  /** Bytes of each decoder layer's tensors, one entry a layer. */
  layerBytes: v.pipe(v.array(count), v.minLength(1), v.maxLength(MAX_LAYERS)),
  /** Bytes of `token_embd.weight`. */
  embeddingBytes: count,
  /** Bytes of the final norm and the output matrix (or the tied embedding). */
  headBytes: count,
});
export type ModelSpec = v.InferOutput<typeof ModelSpecSchema>;

/**
 * What a sequence leaves in a layer with each token, bytes: for each of nKvHeads a key and a value of headDim 16-bit integers and
 * their scale of 4 bytes.
 */
export function kvBytesPerTokenAndLayer(spec: Pick<ModelSpec, 'nKvHeads' | 'headDim'>): number {
  return 2 * spec.nKvHeads * (2 * spec.headDim + 4);
}
