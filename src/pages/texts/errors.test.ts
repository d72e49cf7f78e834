import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorValues } from '../../shared/errors.ts';
import { ERROR_TEXTS, errorAdvice, errorDetails, errorLine, interruptionLine } from './errors.ts';

/** Values for every name in a sentence. */
function sampleFor(sentence: string): ErrorValues {
  const names = [...sentence.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return Object.fromEntries(names.map((name) => [name, /(Bytes|Ms|Tokens)$/.test(name) ? 1234 : 'sample']));
}

describe.each(ERROR_CODES)('%s', (code) => {
  test('has a line for whatever values come, and advice', () => {
    const samples = ERROR_TEXTS[code].line.map(sampleFor);
    const lines = [{}, ...samples, { neededBytes: 'x', name: '' }].map((values) => errorLine({ code, values, message: '' }));
    for (const line of lines) {
      expect(line).toMatch(/^["A-Z0-9]/);
      expect(line).not.toMatch(/undefined|NaN|[{}]|\.$/);
    }
    expect(errorAdvice(code)).toMatch(/^[A-Z].*\.$/);
  });

  test('says all of its values when they are there, and its last sentence needs none', () => {
    const { line } = ERROR_TEXTS[code];
    const told = line.map((sentence) => errorLine({ code, values: sampleFor(sentence), message: '' }));
    expect(new Set(told).size).toBe(line.length);
    expect(sampleFor(line.at(-1)!)).toEqual({});
  });
});

test('a model that does not fit is told with what is missing', () => {
  const values = { model: 'Llama', neededBytes: 4.1e9, contextTokens: 512, lentBytes: 3e9, missingBytes: 1.1e9 };
  expect(errorLine({ code: 'does-not-fit', message: '', values })).toBe(
    'Llama needs 4.1 GB with a context of 512 tokens, the room lends 3 GB: 1.1 GB are missing',
  );
});

test('details are the technical message, where the line does not say that already', () => {
  expect(errorDetails({ code: 'internal', message: 'x is undefined' })).toBe('x is undefined');
  expect(errorDetails({ code: 'room-not-found', values: { code: 'AB2CD' }, message: 'there is no room AB2CD' })).toBeNull();
  expect(errorDetails({ code: 'busy', message: '' })).toBeNull();
});

test('what an answer got over is one line', () => {
  const report = { code: 'peer-lost', values: { name: 'Tablet' }, message: 'Tablet left in mid-answer' } as const;
  expect(interruptionLine(report)).toBe('Tablet left in mid-answer: the answer goes on.');
});
