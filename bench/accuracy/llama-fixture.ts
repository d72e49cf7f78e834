import { readFile } from 'node:fs/promises';

/** What llama.cpp expects after each token of a text: see tools/oracle/distributions.mjs, which wrote it. */
export interface LlamaText {
  top: number;
  /** (tokens, top) */
  topIds: Uint16Array;
  /** (tokens, top) */
  topLogits: Float32Array;
  /** (tokens) */
  logSumExps: Float64Array;
  /** (tokens), of the token that follows. */
  nextLogits: Float32Array;
}

export interface LlamaFixture {
  engine: string;
  /** Ids of each text, the beginning-of-text token first. */
  textIds: number[][];
  /** By name of the model file, a text each. */
  files: Map<string, LlamaText[]>;
}

interface Stored {
  oracle: { engine: string; release: string; kvCache: string };
  top: number;
  textIds: number[][];
  results: { file: string; texts: Record<Exclude<keyof LlamaText, 'top'>, string>[] }[];
}

export async function readLlamaFixture(path: string): Promise<LlamaFixture> {
  const { oracle, top, textIds, results } = JSON.parse(await readFile(path, 'utf8')) as Stored;
  const files = results.map(({ file, texts }): [string, LlamaText[]] => [
    file,
    texts.map(({ topIds, topLogits, logSumExps, nextLogits }) => ({
      top,
      topIds: new Uint16Array(bytesOf(topIds)),
      topLogits: new Float32Array(bytesOf(topLogits)),
      logSumExps: new Float64Array(bytesOf(logSumExps)),
      nextLogits: new Float32Array(bytesOf(nextLogits)),
    })),
  ]);
  return { engine: `${oracle.engine} ${oracle.release}, KV ${oracle.kvCache}`, textIds, files: new Map(files) };
}

/** ln p of llama.cpp's largest tokens at a position. */
export function llamaTop(text: LlamaText, position: number): { ids: Uint16Array; lnP: Float64Array } {
  const from = position * text.top;
  const ids = text.topIds.subarray(from, from + text.top);
  return { ids, lnP: Float64Array.from(ids, (_, i) => text.topLogits[from + i]! - text.logSumExps[position]!) };
}

function bytesOf(base64: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(base64, 'base64')).buffer;
}
