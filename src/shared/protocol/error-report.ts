import * as v from 'valibot';
import {
  ERROR_CODES,
  type ErrorReport,
  MAX_ERROR_MESSAGE_LENGTH,
  MAX_ERROR_VALUES,
  MAX_VALUE_LENGTH,
  MAX_VALUE_NAME_LENGTH,
} from '../errors.ts';

const errorValues = v.pipe(
  v.record(
    v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_VALUE_NAME_LENGTH)),
    v.union([v.pipe(v.string(), v.maxLength(MAX_VALUE_LENGTH)), v.pipe(v.number(), v.finite())]),
  ),
  v.check((values) => Object.keys(values).length <= MAX_ERROR_VALUES, `more than ${MAX_ERROR_VALUES} values`),
);

/** A code that only a newer server or device knows becomes `internal`; its message still tells what happened. */
export const ErrorReportSchema = v.pipe(
  v.strictObject({
    code: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_VALUE_NAME_LENGTH)),
    values: v.exactOptional(errorValues),
    message: v.pipe(v.string(), v.maxLength(MAX_ERROR_MESSAGE_LENGTH)),
  }),
  v.transform(({ code, message, values }): ErrorReport => {
    const known = ERROR_CODES.find((one) => one === code);
    if (!known) return { code: 'internal', message };
    return values === undefined ? { code: known, message } : { code: known, message, values };
  }),
);
