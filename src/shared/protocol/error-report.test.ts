import * as v from 'valibot';
import { expect, test } from 'vitest';
import { AppError, type ErrorValues } from '../errors.ts';
import { ErrorReportSchema } from './error-report.ts';

test('code, values and message of an error cross a wire', () => {
  const error = new AppError('context-full', '600 of 512', { values: { askedTokens: 600, contextTokens: 512 } });
  const report = v.parse(ErrorReportSchema, JSON.parse(JSON.stringify(error.toReport())));
  expect(report).toEqual(error.toReport());
  expect(AppError.fromReport(report)).toMatchObject({ code: 'context-full', message: '600 of 512', values: error.values });
  expect(new AppError('busy', 'x').toReport()).toEqual({ code: 'busy', message: 'x' });
});

test('a code that only a newer version knows is internal, with its message and without its values', () => {
  const report = { code: 'too-hot', message: 'the battery is too hot', values: { celsius: 61 } };
  expect(v.parse(ErrorReportSchema, report)).toEqual({ code: 'internal', message: 'the battery is too hot' });
});

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`value${i}`, i]));

test('an error is cut to what a report may carry before it is sent', () => {
  const values: ErrorValues = { url: 'u'.repeat(3000), gainMs: Number.NaN, lossMs: Number.POSITIVE_INFINITY, ...many(20) };
  const report = new AppError('internal', 'm'.repeat(3000), { values }).toReport();
  expect(v.parse(ErrorReportSchema, report)).toEqual(report);
  expect(report.values?.url).toHaveLength(200);
  expect(Object.keys(report.values ?? {})).toHaveLength(12);
  expect(report.values).not.toHaveProperty('gainMs');
});

test.each([
  ['more values', many(13)],
  ['a longer value', { url: 'u'.repeat(201) }],
  ['a longer name', { ['n'.repeat(41)]: 1 }],
  ['a number that is none', { waitedMs: Number.NaN }],
  ['something nested', { inner: {} }],
])('%s than allowed is refused', (_, values) => {
  expect(v.safeParse(ErrorReportSchema, { code: 'internal', message: '', values }).success).toBe(false);
});
