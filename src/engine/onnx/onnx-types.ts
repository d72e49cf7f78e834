import type { QuantType } from '../../gguf/quant.ts';

/** Formats that onnxruntime can hold without loss. In a file of its own, so that to ask is not to load the engine. */
export const ONNX_TYPES: readonly QuantType[] = ['F32', 'F16', 'Q8_0', 'Q4_0'];
