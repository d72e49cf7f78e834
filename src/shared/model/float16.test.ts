import { expect, it } from 'vitest';
import { floatToHalf, halfToFloat } from './float16.ts';

it('every half survives the way to float and back', () => {
  for (let half = 0; half < 0x10000; half++) {
    const value = halfToFloat(half);
    if (Number.isNaN(value)) expect(halfToFloat(floatToHalf(value))).toBeNaN();
    else expect(floatToHalf(value)).toBe(half);
  }
});

it('rounds to the nearest half, ties to even', () => {
  for (let half = 0; half < 0x7bff; half++) {
    const low = halfToFloat(half);
    const high = halfToFloat(half + 1);
    const middle = (low + high) / 2;
    expect(floatToHalf(middle)).toBe(half % 2 === 0 ? half : half + 1);
    expect(floatToHalf(low + (high - low) * 0.25)).toBe(half);
    expect(floatToHalf(low + (high - low) * 0.75)).toBe(half + 1);
  }
});
