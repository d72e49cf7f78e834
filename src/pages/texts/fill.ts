import type { ErrorValues } from '../../shared/errors.ts';
import { formatBytes, formatMs } from '../ui/format.ts';

const PLACE = /\{(\w+)\}/g;

/**
 * A sentence with its values in it: `{neededBytes}` as `4.1 GB`, `{waitedMs}` as `61 s`, `{contextTokens}` as `512 tokens`, any
 * other name as it is.
 *
 * @returns null when a value is missing or of the wrong kind: values come from other devices.
 */
export function fill(sentence: string, values: ErrorValues): string | null {
  const names = [...sentence.matchAll(PLACE)].map(([, name]) => name!);
  if (names.some((name) => !Object.hasOwn(values, name) || !hasKind(name, values[name]!))) return null;
  return sentence.replace(PLACE, (_, name: string) => words(name, values[name]!));
}

const UNITS: readonly [suffix: string, format: (value: number) => string][] = [
  ['Bytes', formatBytes],
  ['Ms', formatMs],
  ['Tokens', (tokens) => (tokens === 1 ? '1 token' : `${tokens} tokens`)],
];

function unitOf(name: string): ((value: number) => string) | null {
  return UNITS.find(([suffix]) => name.endsWith(suffix))?.[1] ?? null;
}

function hasKind(name: string, value: string | number): boolean {
  return typeof value === 'number' ? Number.isFinite(value) : unitOf(name) === null && value !== '';
}

function words(name: string, value: string | number): string {
  const format = unitOf(name);
  return format && typeof value === 'number' ? format(value) : String(value);
}
