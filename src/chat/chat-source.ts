import { createCpuEngine } from '../engine/cpu/cpu-engine.ts';
import type { ShardEngine } from '../engine/shard-engine.ts';
import { createProcessorEngine } from '../engine/wasm/processor-engine.ts';
import type { AwakeClock } from '../pipeline/awake-clock.ts';
import { Coordinator, type CoordinatorOptions } from '../pipeline/coordinator.ts';
import { EngineSourcePart } from '../pipeline/engine-source-part.ts';
import type { Transport } from '../pipeline/transport.ts';
import { vocabularySizes } from '../sampling/candidates.ts';
import type { RenderTemplate } from '../tokenizer/chat-template.ts';
import { TemplateRenderer } from '../tokenizer/template-renderer.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import type { OpenModel } from '../weights/open-model.ts';
import { ChatSession } from './chat-session.ts';

/** What a chat's own device runs besides the embedding. */
export interface OwnPart {
  sourceLayers: number;
  head: boolean;
}

export interface SourceOptions extends Pick<CoordinatorOptions, 'onMoved' | 'onHung' | 'onRefused'> {
  model: OpenModel;
  contextLength: number;
  own: OwnPart;
  transport: Transport;
  awake: AwakeClock;
  signal: AbortSignal;
}

/** This tab as a source of questions: embeds and samples here, so that token ids stay on this device. */
export interface Source {
  coordinator: Coordinator;
  chat: ChatSession;
  /** Gives its engine's memory back. */
  close(): void;
}

export async function openChatSource(options: SourceOptions): Promise<Source> {
  const { model, contextLength, own, transport, awake, signal, onMoved, onHung, onRefused } = options;
  const tokenizer = createTokenizer(model.header);
  const sizes = vocabularySizes(tokenizer.vocabSize, model.spec.vocabSize);
  const engine = await openOwnPart(model, contextLength, own, signal);
  const coordinator = new Coordinator({
    transport,
    source: new EngineSourcePart(engine, own.sourceLayers, own.head),
    dim: model.spec.dim,
    nLayers: model.spec.nLayers,
    vocabSize: model.spec.vocabSize,
    awake,
    onMoved,
    onHung,
    onRefused,
  });
  const templates = new TemplateRenderer(signal);
  const renderTemplate: RenderTemplate = (source, values) => templates.render(source, values);
  const now = () => performance.now();
  const chat = new ChatSession({ coordinator, tokenizer, sizes, renderTemplate, contextLength, now });
  return { coordinator, chat, close: () => engine.destroy() };
}

/**
 * Loads the embedding whole: asking for single rows would tell a model's server what is being said. A row of a table is no work for
 * anything but plain code; layers and head are.
 */
async function openOwnPart(
  model: OpenModel,
  contextLength: number,
  { sourceLayers, head }: OwnPart,
  signal: AbortSignal,
): Promise<ShardEngine> {
  const create = sourceLayers > 0 || head ? createProcessorEngine : createCpuEngine;
  const engine = await create({ spec: model.spec, contextLength });
  const loading = { signal, onBytes: () => {} };
  try {
    await engine.loadEmbedding(model.embedding(loading));
    for (let layer = 0; layer < sourceLayers; layer++) await engine.loadLayer(layer, model.layer(layer, loading));
    if (head) await engine.loadHead(model.head(loading));
  } catch (error) {
    engine.destroy();
    throw error;
  }
  return engine;
}
