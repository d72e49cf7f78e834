import { HALF_VALUES } from './half-values.ts';
import { expandRow, type Matrix } from './matrix.ts';

/**
 * Products of one weight row with one activation row, straight from the blocks. All sum in float64 in four interleaved
 * lanes, value i in lane i mod 4, each lane in order, so that a processor need not wait for one addition before the
 * next. `scale * q` has at most 19 significant bits and is exact, hence every function here gives the very bits that
 * `dotExpanded` gives for the expanded row. Formats without a function of their own are expanded.
 */
export type RowDot = (row: number, x: Float64Array) => number;

/** x: (columns) */
export function rowDot(matrix: Matrix): RowDot {
  const { bytes, bytesPerRow, columns } = matrix;
  switch (matrix.type) {
    case 'F32': {
      const values = new Float32Array(bytes.buffer);
      return (row, x) => dotFloats(values, row * columns, x);
    }
    case 'F16': {
      const halves = new Uint16Array(bytes.buffer);
      return (row, x) => dotHalves(halves, row * columns, x);
    }
    case 'Q8_0': {
      const signed = new Int8Array(bytes.buffer);
      return (row, x) => dotBytes(signed, row * bytesPerRow, x);
    }
    case 'Q4_0':
      return (row, x) => dotNibbles(bytes, row * bytesPerRow, x);
    default: {
      const weights = new Float64Array(columns);
      return (row, x) => {
        expandRow(matrix, row, weights);
        return dotExpanded(weights, x);
      };
    }
  }
}

/** weights, x: (columns) */
export function dotExpanded(weights: Float64Array, x: Float64Array): number {
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  const columns = weights.length;
  const whole = columns - (columns % 4);
  for (let i = 0; i < whole; i += 4) {
    lane0 += weights[i]! * x[i]!;
    lane1 += weights[i + 1]! * x[i + 1]!;
    lane2 += weights[i + 2]! * x[i + 2]!;
    lane3 += weights[i + 3]! * x[i + 3]!;
  }
  for (let i = whole; i < columns; i++) lane0 += weights[i]! * x[i]!;
  return lane0 + lane1 + (lane2 + lane3);
}

function dotFloats(values: Float32Array, start: number, x: Float64Array): number {
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  const columns = x.length;
  const whole = columns - (columns % 4);
  for (let i = 0, at = start; i < whole; i += 4, at += 4) {
    lane0 += values[at]! * x[i]!;
    lane1 += values[at + 1]! * x[i + 1]!;
    lane2 += values[at + 2]! * x[i + 2]!;
    lane3 += values[at + 3]! * x[i + 3]!;
  }
  for (let i = whole; i < columns; i++) lane0 += values[start + i]! * x[i]!;
  return lane0 + lane1 + (lane2 + lane3);
}

function dotHalves(halves: Uint16Array, start: number, x: Float64Array): number {
  // Local: where modules are transformed, as in tests, a look-up through the import at every value takes 10 times as long.
  const values = HALF_VALUES;
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  const columns = x.length;
  const whole = columns - (columns % 4);
  for (let i = 0, at = start; i < whole; i += 4, at += 4) {
    lane0 += values[halves[at]!]! * x[i]!;
    lane1 += values[halves[at + 1]!]! * x[i + 1]!;
    lane2 += values[halves[at + 2]!]! * x[i + 2]!;
    lane3 += values[halves[at + 3]!]! * x[i + 3]!;
  }
  for (let i = whole; i < columns; i++) lane0 += values[halves[start + i]!]! * x[i]!;
  return lane0 + lane1 + (lane2 + lane3);
}

/** Q8_0 */
function dotBytes(signed: Int8Array, start: number, x: Float64Array): number {
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  for (let i = 0, at = start; i < x.length; at += 34) {
    const scale = HALF_VALUES[(signed[at]! & 0xff) | ((signed[at + 1]! & 0xff) << 8)]!;
    for (let end = i + 32, q = at + 2; i < end; i += 4, q += 4) {
      lane0 += scale * signed[q]! * x[i]!;
      lane1 += scale * signed[q + 1]! * x[i + 1]!;
      lane2 += scale * signed[q + 2]! * x[i + 2]!;
      lane3 += scale * signed[q + 3]! * x[i + 3]!;
    }
  }
  return lane0 + lane1 + (lane2 + lane3);
}

/** Q4_0: the low nibbles are the first half of a block, the high ones the second. */
function dotNibbles(bytes: Uint8Array, start: number, x: Float64Array): number {
  let lane0 = 0;
  let lane1 = 0;
  let lane2 = 0;
  let lane3 = 0;
  for (let i = 0, at = start; i < x.length; at += 18) {
    const scale = HALF_VALUES[bytes[at]! | (bytes[at + 1]! << 8)]!;
    for (let end = i + 16, q = at + 2; i < end; i += 4, q += 4) {
      lane0 += scale * ((bytes[q]! & 15) - 8) * x[i]!;
      lane1 += scale * ((bytes[q + 1]! & 15) - 8) * x[i + 1]!;
      lane2 += scale * ((bytes[q + 2]! & 15) - 8) * x[i + 2]!;
      lane3 += scale * ((bytes[q + 3]! & 15) - 8) * x[i + 3]!;
    }
    for (let end = i + 16, q = at + 2; i < end; i += 4, q += 4) {
      lane0 += scale * ((bytes[q]! >> 4) - 8) * x[i]!;
      lane1 += scale * ((bytes[q + 1]! >> 4) - 8) * x[i + 1]!;
      lane2 += scale * ((bytes[q + 2]! >> 4) - 8) * x[i + 2]!;
      lane3 += scale * ((bytes[q + 3]! >> 4) - 8) * x[i + 3]!;
    }
  }
  return lane0 + lane1 + (lane2 + lane3);
}
