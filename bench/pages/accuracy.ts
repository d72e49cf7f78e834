import { createWebGpuEngine } from '../../src/engine/webgpu/webgpu-engine.ts';
import { continueGreedily, loadWholeModel, type WholeModel } from '../../src/engine/whole-model.ts';
import { memorySource } from '../../src/gguf/byte-source.ts';
import { textLogits } from '../accuracy/text-logits.ts';

/** What the measurement calls in the page. */
export interface AccuracyPage {
  /** @returns the adapter that runs the model */
  load(url: string): Promise<string>;
  /** (tokens, vocabSize) float32 logits, little-endian in base64: as numbers in JSON they would take minutes. */
  logits(call: { ids: number[]; halfWireStages: number }): Promise<string>;
  greedyIds(call: { promptIds: number[]; maxTokens: number; endId: number }): Promise<number[]>;
}

let model: WholeModel | null = null;

const page: AccuracyPage = {
  async load(url) {
    model?.engine.destroy();
    const bytes = new Uint8Array(await (await fetch(url)).arrayBuffer());
    model = await loadWholeModel(memorySource(bytes), (options) => createWebGpuEngine(options));
    return model.engine.adapter;
  },
  async logits({ ids, halfWireStages }) {
    const rows = await textLogits(model!.engine, ids, { nLayers: model!.spec.nLayers, halfWireStages });
    return (await dataUrl(new Blob(rows as BlobPart[]))).split(',')[1]!;
  },
  async greedyIds({ promptIds, maxTokens, endId }) {
    return (await continueGreedily(model!, promptIds, maxTokens, endId)).ids;
  },
};

function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

Object.assign(globalThis, { page });
