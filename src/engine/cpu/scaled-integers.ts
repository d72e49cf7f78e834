const LARGEST = 32_767;
const SMALLEST_NORMAL = 2 ** -126;

/**
 * Rounds vectors to 16-bit integers, with a scale for each: a value is its integer times its vector's scale. It is off by at
 * most 1/65534 of the largest of its vector, where half precision is off by 1/2048 of the value itself: for keys and values
 * of a head the error's square is some hundred times smaller at nearly the same size.
 *
 * @param vectors (scales.length, length)
 * @param integers (scales.length, length), written
 * @param scales written
 */
export function roundVectors(vectors: Float32Array, integers: Int16Array, scales: Float32Array): void {
  const length = integers.length / scales.length;
  for (let vector = 0; vector < scales.length; vector++) {
    const start = vector * length;
    scales[vector] = scaleOf(vectors, start, start + length);
    const inverse = scales[vector] === 0 ? 0 : 1 / scales[vector]!;
    for (let i = start; i < start + length; i++) integers[i] = Math.round(vectors[i]! * inverse);
  }
}

/** Not a number or infinite where a value is; zero where all are too small for a quotient that can be trusted. */
function scaleOf(vectors: Float32Array, start: number, end: number): number {
  let largest = 0;
  for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(vectors[i]!));
  const scale = largest / LARGEST;
  return scale < SMALLEST_NORMAL ? 0 : scale;
}
