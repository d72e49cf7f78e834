import { askRows, type ShardEngine } from '../../src/engine/shard-engine.ts';
import { floatToHalf, halfToFloat } from '../../src/shared/model/float16.ts';
import { layerRanges } from './stages.ts';

const CHUNK_ROWS = 32;

export interface TextOptions {
  nLayers: number;
  /** Between how many stages hidden states travel as 16-bit floats; 1 leaves them as they are. */
  halfWireStages: number;
}

/** Logits after every token of a text, (tokens, vocabSize), in chunks of rows as a chat's prompt goes through a room. */
export async function textLogits(
  engine: ShardEngine,
  ids: readonly number[],
  { nLayers, halfWireStages }: TextOptions,
): Promise<Float32Array[]> {
  const logits: Float32Array[] = [];
  for (let start = 0; start < ids.length; start += CHUNK_ROWS) {
    const chunk = ids.slice(start, start + CHUNK_ROWS);
    const rows = chunk.map((_, i) => ({ sequence: 'text', position: start + i }));
    const head = askRows([...rows.keys()], { fullRow: true });
    const request = { rows, input: { tokens: Uint32Array.from(chunk) } };
    const whole = { startLayer: 0, endLayer: nLayers };
    const reply =
      halfWireStages > 1
        ? await throughStages(engine, request, head, layerRanges(nLayers, halfWireStages))
        : await engine.forward({ ...request, layers: whole, head });
    logits.push(...reply.head.map((row) => row.logits!));
  }
  engine.freeSequence('text');
  return logits;
}

type Forward = Parameters<ShardEngine['forward']>[0];

/** The source embeds, then one stage after the other runs, each fed over the wire. */
async function throughStages(
  engine: ShardEngine,
  { rows, input }: Pick<Forward, 'rows' | 'input'>,
  head: Forward['head'],
  stages: Forward['layers'][],
) {
  let { hidden } = await engine.forward({ rows, input, layers: { startLayer: 0, endLayer: 0 }, head: null });
  for (const layers of stages.slice(0, -1))
    ({ hidden } = await engine.forward({ rows, input: { hidden: overHalfWire(hidden!) }, layers, head: null }));
  return engine.forward({ rows, input: { hidden: overHalfWire(hidden!) }, layers: stages.at(-1)!, head });
}

function overHalfWire(hidden: Float32Array): Float32Array {
  return hidden.map((value) => halfToFloat(floatToHalf(value)));
}
