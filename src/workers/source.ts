import { createCpuEngine } from '../engine/cpu/cpu-engine.ts';
import type { ShardEngine } from '../engine/shard-engine.ts';
import { Coordinator } from '../pipeline/coordinator.ts';
import type { Transport } from '../pipeline/transport.ts';
import type { RenderTemplate } from '../tokenizer/chat-template.ts';
import { TemplateRenderer } from '../tokenizer/template-renderer.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { ChatSession } from './chat-session.ts';
import type { OpenModel } from './open-model.ts';

export interface SourceOptions {
  model: OpenModel;
  contextLength: number;
  transport: Transport;
  signal: AbortSignal;
  onMoved(epoch: number): void;
}

/** This tab as a source of questions: embeds and samples here, so that token ids stay on this device. */
export interface Source {
  coordinator: Coordinator;
  chat: ChatSession;
}

/** Loads the embedding, whole: asking for single rows would tell a model's server what is being said. */
export async function openSource({ model, contextLength, transport, signal, onMoved }: SourceOptions): Promise<Source> {
  const tokenizer = createTokenizer(model.header);
  const { spec } = model;
  const now = () => performance.now();
  const embedder = await createCpuEngine({ spec, contextLength });
  await embedder.loadEmbedding(model.embedding({ signal, onBytes: () => {} }));
  const embed = (tokens: readonly number[]) => embedTokens(embedder, tokens);
  const coordinator = new Coordinator({ transport, embed, dim: spec.dim, nLayers: spec.nLayers, now, onMoved });
  const templates = new TemplateRenderer(signal);
  const renderTemplate: RenderTemplate = (source, values) => templates.render(source, values);
  return { coordinator, chat: new ChatSession({ coordinator, tokenizer, renderTemplate, contextLength, now }) };
}

/** (tokens) -> (tokens, dim) */
async function embedTokens(embedder: ShardEngine, tokens: readonly number[]): Promise<Float32Array> {
  const rows = tokens.map((_, position) => ({ sequence: 'embed', position }));
  const input = { tokens: Uint32Array.from(tokens) };
  const { hidden } = await embedder.forward({ rows, input, layers: { startLayer: 0, endLayer: 0 }, head: null });
  return hidden!;
}
