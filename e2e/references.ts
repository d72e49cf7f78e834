import { readFileSync } from 'node:fs';
import type { Question } from './tabs.ts';

const read = <T>(name: string): T => JSON.parse(readFileSync(new URL(`./fixtures/${name}`, import.meta.url), 'utf8')) as T;

interface Reference {
  results: { file: string; prompts: { prompt: string; prompt_ids: number[]; ids: number[]; margins: number[] }[] }[];
}

/** By the CPU engine, alone in one process. */
export interface Expected {
  file: string;
  prompt: string;
  promptIds: number[];
  ids: number[];
}

export const expectedAnswers = read<Expected[]>('expected-ids.json');
const llamaCpp = read<Reference>('oracle.json');
const pytorch = read<Reference>('float-reference.json');

/** A difference is excused only where the reference itself had two tokens so close to each other, logits. */
export const NEAR_TIE = 1e-2;

/**
 * Compares with what others computed: llama.cpp for F32 and F16, PyTorch on the stored weights for Q8_0 and Q4_0 (llama.cpp
 * rounds activations there).
 * @returns null when all tokens are equal, else the first difference
 */
export function firstDifference(file: string, prompt: string, ids: readonly number[]): { step: number; margin: number } | null {
  const reference = /q8_0|q4_0/.test(file) ? pytorch : llamaCpp;
  const result = reference.results.find((one) => one.file === file);
  const answer = result?.prompts.find((one) => one.prompt === prompt);
  if (!answer) throw new Error(`no reference for ${file} and ${prompt}`);
  const step = answer.ids.findIndex((id, i) => id !== ids[i]);
  return step === -1 ? null : { step, margin: answer.margins[step]! };
}

/** The prompt as a person would ask it: chat prompts as messages, plain ones as text to continue. */
export function questionOf(prompt: string): Question {
  const chat = /^\[INST\] (?:<<SYS>>\n(?<system>.*)\n<<\/SYS>>\n\n)?(?<user>.*) \[\/INST\]$/s.exec(prompt);
  if (!chat?.groups) return { text: prompt };
  const { system, user } = chat.groups;
  const messages = [{ role: 'user' as const, content: user! }];
  return { messages: system === undefined ? messages : [{ role: 'system', content: system }, ...messages] };
}
