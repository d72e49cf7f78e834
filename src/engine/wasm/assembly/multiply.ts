import { Expand, join, joinFour, Multiply } from './lanes';

// @ts-ignore: decorator
@inline
function bytesPerRow<F>(columns: usize): usize {
  const format = changetype<F>(0);
  return (columns / (format.partValues * format.parts)) * format.blockBytes;
}

/**
 * out[row] = weights[row] . x for rows from `startRow` to `endRow`, a multiple of four: sums of four rows do not wait for
 * each other.
 * weights: (rows, columns) in blocks, x: (columns), out: (rows)
 */
export function multiplyOne<F>(
  weights: usize,
  columns: usize,
  x: usize,
  out: usize,
  startRow: usize,
  endRow: usize,
): void {
  const format = changetype<F>(0);
  const rowBytes = bytesPerRow<F>(columns);
  const end = x + columns * 4;
  for (let row = startRow; row < endRow; row += 4) {
    let block = weights + row * rowBytes;
    let lanes0 = f32x4.splat(0);
    let lanes1 = f32x4.splat(0);
    let lanes2 = f32x4.splat(0);
    let lanes3 = f32x4.splat(0);
    for (let at = x; at < end; block += format.blockBytes) {
      for (let part: usize = 0; part < format.parts; part++, at += format.partValues * 4) {
        lanes0 = format.take<Multiply>(lanes0, at, block, part);
        lanes1 = format.take<Multiply>(lanes1, at, block + rowBytes, part);
        lanes2 = format.take<Multiply>(lanes2, at, block + 2 * rowBytes, part);
        lanes3 = format.take<Multiply>(lanes3, at, block + 3 * rowBytes, part);
      }
    }
    v128.store(out + row * 4, joinFour(lanes0, lanes1, lanes2, lanes3));
  }
}

/** Writes rows from `row` to `endRow` as floats, one after the other. to: (endRow - row, columns) */
export function expandRows<F>(weights: usize, columns: usize, row: usize, endRow: usize, to: usize): void {
  const format = changetype<F>(0);
  const end = to + (endRow - row) * columns * 4;
  let block = weights + row * bytesPerRow<F>(columns);
  for (let at = to; at < end; block += format.blockBytes) {
    for (let part: usize = 0; part < format.parts; part++, at += format.partValues * 4) {
      format.take<Expand>(f32x4.splat(0), at, block, part);
    }
  }
}

/**
 * out[i][row] = expanded[row] . x[i] for four weight rows and `count` rows of x, in the order of `multiplyOne`. Two rows of
 * x at a time, as eight sums, four weights and two inputs are what sixteen registers hold.
 * expanded: (4, columns), x: (count, columns), out: (count, outColumns), of which four columns are written.
 */
export function multiplyFour(expanded: usize, columns: usize, x: usize, count: usize, out: usize, outColumns: usize): void {
  const xBytes = columns * 4;
  let i: usize = 0;
  for (; i + 2 <= count; i += 2) {
    const first = x + i * xBytes;
    const to = out + i * outColumns * 4;
    let a0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let a2 = f32x4.splat(0);
    let a3 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let b2 = f32x4.splat(0);
    let b3 = f32x4.splat(0);
    for (let k: usize = 0; k < xBytes; k += 16) {
      const xa = v128.load(first + k);
      const xb = v128.load(first + xBytes + k);
      const w0 = v128.load(expanded + k);
      a0 = f32x4.add(a0, f32x4.mul(w0, xa));
      b0 = f32x4.add(b0, f32x4.mul(w0, xb));
      const w1 = v128.load(expanded + xBytes + k);
      a1 = f32x4.add(a1, f32x4.mul(w1, xa));
      b1 = f32x4.add(b1, f32x4.mul(w1, xb));
      const w2 = v128.load(expanded + 2 * xBytes + k);
      a2 = f32x4.add(a2, f32x4.mul(w2, xa));
      b2 = f32x4.add(b2, f32x4.mul(w2, xb));
      const w3 = v128.load(expanded + 3 * xBytes + k);
      a3 = f32x4.add(a3, f32x4.mul(w3, xa));
      b3 = f32x4.add(b3, f32x4.mul(w3, xb));
    }
    v128.store(to, joinFour(a0, a1, a2, a3));
    v128.store(to + outColumns * 4, joinFour(b0, b1, b2, b3));
  }
  for (; i < count; i++) multiplySome(expanded, columns, 4, x + i * xBytes, out + i * outColumns * 4);
}

/** `rows` expanded weight rows times one row of x. */
export function multiplySome(expanded: usize, columns: usize, rows: usize, x: usize, out: usize): void {
  const xBytes = columns * 4;
  for (let row: usize = 0; row < rows; row++) {
    let lanes = f32x4.splat(0);
    for (let k: usize = 0; k < xBytes; k += 16) {
      lanes = f32x4.add(lanes, f32x4.mul(v128.load(expanded + row * xBytes + k), v128.load(x + k)));
    }
    store<f32>(out + row * 4, join(lanes));
  }
}
