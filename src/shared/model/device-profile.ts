/** Which code runs the layers. `auto` means: measure and take the faster. */
export const ENGINE_KINDS = ['webgpu', 'cpu', 'onnx'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];
export const ENGINE_CHOICES = ['auto', ...ENGINE_KINDS] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/** What a device measured of itself, on random weights of the model's own shape and quantisation. */
export interface DeviceProfile {
  engine: EngineKind;
  /** For people: "Apple M2 (WebGPU)", "CPU, 8 threads reported". */
  adapter: string;
  /** One token through one decoder layer, ms, without the fixed cost of a forward. */
  decodeLayerMs: number;
  /** One token of a prefill chunk through one decoder layer, ms. */
  prefillLayerMsPerToken: number;
  /** What every forward costs before any layer: encode, submit, read back, ms. */
  forwardOverheadMs: number;
  /** Final norm, output matrix and top-k for one row, ms. */
  headMs: number;
  /** How much memory this device lends to the room, bytes. */
  lendBytes: number;
}
