import * as v from 'valibot';

/** Numbers as they come from the network. */

/** Of things, bytes or tokens. */
export const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
/** A number that names something, or a length that is at least one: fits 32 bits. */
export const positive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 32 - 1));
/** A measured time or rate: finite, not negative. */
export const measure = v.pipe(v.number(), v.finite(), v.minValue(0));
