import * as v from 'valibot';
import { count, measure } from './numbers.ts';

/** Which code runs the layers. `auto` means: measure and take the faster. */
export const ENGINE_KINDS = ['webgpu', 'cpu', 'onnx'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];
export const ENGINE_CHOICES = ['auto', ...ENGINE_KINDS] as const;
export type EngineChoice = (typeof ENGINE_CHOICES)[number];

/**
 * How a device knows what it says of itself. `measured`: on its own, and what it said before counts no more. `served`: while it
 * served, as one sample of many. `unchanged`: it measured nothing, only what it lends is new.
 */
export const PROFILE_ORIGINS = ['measured', 'served', 'unchanged'] as const;
export type ProfileOrigin = (typeof PROFILE_ORIGINS)[number];

/** For people. */
const words = v.pipe(v.string(), v.maxLength(120));

/** What a device measured of itself, on random weights of the model's own shape and quantisation. */
export const DeviceProfileSchema = v.strictObject({
  engine: v.picklist(ENGINE_KINDS),
  /** "Apple M2 (WebGPU)", "CPU, 8 threads reported". */
  adapter: words,
  /** How its kernels share the work, as tuning chose it; absent where there is one way only. */
  variant: v.exactOptional(words),
  /** One token through one decoder layer, ms, without the fixed cost of a forward. */
  decodeLayerMs: measure,
  /** One token of a prefill chunk through one decoder layer, ms. */
  prefillLayerMsPerToken: measure,
  /** What every forward costs before any layer: encode, submit, read back, ms. */
  forwardOverheadMs: measure,
  /** Final norm, output matrix and top-k for one row, ms. */
  headMs: measure,
  /** How much memory this device lends to the room, bytes. */
  lendBytes: count,
});
export type DeviceProfile = v.InferOutput<typeof DeviceProfileSchema>;
