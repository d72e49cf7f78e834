/**
 * The order in which every sum over a dimension is taken, on every adapter, in every variant of every kernel.
 *
 * The terms are dealt to LANES lanes: block b (a weight block, a group of four values, a position) goes to lane
 * b mod LANES. Each lane adds its blocks in ascending order with explicit fma. Then neighbours are joined,
 * ((0+1)+(2+3))+((4+5)+(6+7)). Empty lanes are zeros.
 *
 * One thread walks the lanes one after another, or eight threads take a lane each and join through workgroup memory: the
 * bits are the same. Nothing in the order depends on how many rows or tokens a dispatch has.
 */
export const LANES = 8;

/** Lanes that have terms, rounded up so that they join evenly. The others would only add zeros. */
export function usedLanes(blocks: number): number {
  return [1, 2, 4].find((lanes) => blocks <= lanes) ?? LANES;
}

export interface LaneSum {
  name: string;
  /** WGSL type of the sum. */
  type: 'f32' | 'vec2f';
}

/**
 * WGSL that runs `body` once for each of the lanes from `first` up to `end` (expressions: all lanes, all that `usedLanes`
 * counts, or an aligned half, quarter or eighth of them), with `lane` (u32) and a zeroed variable for each sum in scope, and
 * leaves the joined sums in constants called `<name>_all`. The join is a binary counter: it keeps one open partial sum for
 * each level.
 */
export function laneSums(sums: readonly LaneSum[], end: string, body: string, first = '0u'): string {
  const each = (text: (sum: LaneSum) => string) => sums.map(text).join('\n');
  return `
  ${each(({ name, type }) => `var ${name}_two = ${type}(0); var ${name}_four = ${type}(0); var ${name}_eight = ${type}(0);`)}
  for (var lane = ${first}; lane < ${end}; lane++) {
    ${each(({ name, type }) => `var ${name} = ${type}(0);`)}
    ${body}
    ${each(({ name }) => `${name}_two += ${name};`)}
    if ((lane & 1u) == 1u) {
      ${each(({ name, type }) => `${name}_four += ${name}_two; ${name}_two = ${type}(0);`)}
    }
    if ((lane & 3u) == 3u) {
      ${each(({ name, type }) => `${name}_eight += ${name}_four; ${name}_four = ${type}(0);`)}
    }
  }
  ${each(({ name }) => `let ${name}_all = (${name}_two + ${name}_four) + ${name}_eight;`)}`;
}

/** Products of four values, added one after the other to what there is. */
export const DOT4 = `
fn dot4(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}`;

/** Repeats text for 0 .. count - 1: private arrays with a running index are slow, so tiles are unrolled into names. */
export function unroll(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('\n');
}
