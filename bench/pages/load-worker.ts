import type { ShardEngine } from '../../src/engine/shard-engine.ts';
import { httpSources } from '../../src/weights/http-sources.ts';
import { OpenModel } from '../../src/weights/open-model.ts';
import { ENGINES } from '../engine/our-engines.ts';

/** What the page is asked to do, in this order; each step answers with the bytes of weights that the engine then holds. */
export type LoadStep = { kind: 'open'; url: string; variant: string } | { kind: 'load' } | { kind: 'unload' };

const CONTEXT_LENGTH = 512;
const loading = { signal: new AbortController().signal, onBytes: () => {} };

let model: OpenModel;
let engine: ShardEngine;

async function run(step: LoadStep): Promise<void> {
  if (step.kind === 'open') {
    model = await OpenModel.open(step.url, httpSources('bench', loading.signal), loading.signal);
    engine = await ENGINES[step.variant]!({ spec: model.spec, contextLength: CONTEXT_LENGTH });
    return;
  }
  for (let layer = 0; layer < model.spec.nLayers; layer++) {
    if (step.kind === 'unload') engine.unloadLayer(layer);
    else await engine.loadLayer(layer, model.layer(layer, loading));
  }
  if (step.kind === 'unload') engine.unloadHead();
  else await engine.loadHead(model.head(loading));
}

globalThis.onmessage = ({ data }: MessageEvent<LoadStep>) => {
  run(data).then(
    () => postMessage(engine.memory().weightBytes),
    (thrown: unknown) => postMessage(thrown instanceof Error ? thrown.message : String(thrown)),
  );
};
