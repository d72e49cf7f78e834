import { parseArgs } from 'node:util';

export interface DemoOptions {
  prompt: string;
  donors: number;
  /** A GGUF file or its address; null for the built-in model. */
  model: string | null;
  maxTokens: number;
  temperature: number;
  engine: string;
  /** Where to write the report. */
  json: string | null;
}

export const USAGE = `Usage: npm run demo -- "Tell me a story about a fox" [options]
  --donors N          browser tabs that share the layers (default 3)
  --model PATH|URL    a GGUF file (default: the built-in story teller)
  --tokens N          at most so many tokens (default 256)
  --temperature T     0 always takes the most likely token (default 0)
  --engine NAME       webgpu, cpu, onnx or auto (default webgpu)
  --json FILE         write devices, plan, bytes, token ids and times`;

const DEFAULT_PROMPT = 'Tell me a story about a fox';

/** @throws Error for an unknown option or a value out of its range */
export function parseDemoOptions(args: string[]): DemoOptions {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      donors: { type: 'string', default: '3' },
      model: { type: 'string' },
      tokens: { type: 'string', default: '256' },
      temperature: { type: 'string', default: '0' },
      engine: { type: 'string', default: 'webgpu' },
      json: { type: 'string' },
    },
  });
  if (!['webgpu', 'cpu', 'onnx', 'auto'].includes(values.engine))
    throw new Error(`--engine is webgpu, cpu, onnx or auto, not ${values.engine}`);
  return {
    prompt: positionals.join(' ') || DEFAULT_PROMPT,
    donors: wholeNumber('--donors', values.donors, 1, 16),
    model: values.model ?? null,
    maxTokens: wholeNumber('--tokens', values.tokens, 1, 1_000_000),
    temperature: number('--temperature', values.temperature, 0, 2),
    engine: values.engine,
    json: values.json ?? null,
  };
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const value = number(name, text, least, most);
  if (!Number.isInteger(value)) throw new Error(`${name} is a whole number, not ${text}`);
  return value;
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) throw new Error(`${name} is ${least} to ${most}, not ${text}`);
  return value;
}
