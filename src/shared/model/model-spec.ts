/** What planning and running a model needs to know of it, read from its GGUF header. Sizes in bytes are those of the file. */
export interface ModelSpec {
  name: string;
  architecture: 'llama';
  /** Name of the most frequent weight format, for people: `Q8_0`. */
  quantisation: string;
  dim: number;
  nLayers: number;
  nHeads: number;
  nKvHeads: number;
  headDim: number;
  ffnDim: number;
  vocabSize: number;
  /** Longest context the model was trained for, tokens. */
  contextLength: number;
  ropeTheta: number;
  /** How many of a head's dimensions are rotated. */
  ropeDim: number;
  /** Divides the angle of each rotated pair, (ropeDim / 2): linear scaling, or that of Llama 3. Absent for plain RoPE. */
  ropeFactors?: number[];
  rmsEps: number;
  /** True when the head multiplies by the token embedding (the file has no `output.weight`). */
  tiedHead: boolean;
  /** Bytes of each decoder layer's tensors, one entry a layer. */
  layerBytes: number[];
  /** Bytes of `token_embd.weight`. */
  embeddingBytes: number;
  /** Bytes of the final norm and the output matrix (or the tied embedding). */
  headBytes: number;
}

/**
 * What a sequence leaves in a layer with each token, bytes: for each of nKvHeads a key and a value of headDim 16-bit integers and
 * their scale of 4 bytes.
 */
export function kvBytesPerTokenAndLayer(spec: Pick<ModelSpec, 'nKvHeads' | 'headDim'>): number {
  return 2 * spec.nKvHeads * (2 * spec.headDim + 4);
}
