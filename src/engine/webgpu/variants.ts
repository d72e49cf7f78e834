/**
 * How a device computes: who takes which rows, tokens and lanes of a sum. A variant changes the time, never a bit, as all
 * of them add the same terms in the same order (kernels/lanes.ts).
 */
export interface KernelVariant {
  /** Products of one token. */
  one: SerialTile | CooperativeTile;
  /** Products of several tokens. */
  many: SerialTile | StagedTile;
  /** Norms and attention: threads that wait for no other, or workgroups that share what they read. */
  rows: 'serial' | 'cooperative';
}

/** A thread computes whole cells and waits for no other: what adapters on the processor want. */
export interface SerialTile {
  form: 'serial';
  /** Of one thread, where blocks have one scale; formats of more or of less text take what suits them. */
  rows: number;
  tokens: number;
  /** To a workgroup. */
  threads: number;
  /**
   * How threads read the input: each all of its own, or four neighbours a quarter each, which they tell each other. On the
   * processor four threads are one SIMD register, and reading costs much more than telling.
   */
  reading: 'alone' | 'in quads';
}

/** Neighbouring threads share rows of one token and take an equal part of the lanes each: what graphics processors want. */
export interface CooperativeTile {
  form: 'cooperative';
  threadsPerRow: 2 | 4 | 8;
  /** That a thread sums side by side. */
  rows: number;
  /** To a workgroup. */
  threads: number;
  /** How threads tell each other their sums: through workgroup memory, or within a subgroup of at least `threadsPerRow`. */
  join: 'memory' | 'subgroup';
}

/**
 * A workgroup shares the packed weights of its rows, which it brings to its own memory, and each thread takes one lane of a
 * few tokens: what graphics processors want for many tokens.
 */
export interface StagedTile {
  form: 'staged';
  /** Of a workgroup. */
  rows: number;
  /** Of a thread. */
  tokens: number;
  /** Of a workgroup, as threads to a lane. */
  tokenGroups: number;
}

/** Tokens that a workgroup computes together. */
export function groupTokens(tile: KernelVariant['many']): number {
  return tile.form === 'staged' ? tile.tokens * tile.tokenGroups : tile.tokens;
}

function cooperative(
  threadsPerRow: CooperativeTile['threadsPerRow'],
  rows: number,
  join: CooperativeTile['join'],
): CooperativeTile {
  return { form: 'cooperative', threadsPerRow, rows, threads: 64, join };
}

/** What tuning tries for one token. */
export const ONE_TOKEN: readonly KernelVariant['one'][] = [
  { form: 'serial', rows: 4, tokens: 1, threads: 16, reading: 'in quads' },
  { form: 'serial', rows: 4, tokens: 1, threads: 16, reading: 'alone' },
  cooperative(8, 1, 'memory'),
  cooperative(8, 2, 'memory'),
  cooperative(4, 2, 'memory'),
  cooperative(8, 2, 'subgroup'),
  cooperative(4, 2, 'subgroup'),
  cooperative(2, 4, 'memory'),
  { form: 'serial', rows: 2, tokens: 1, threads: 64, reading: 'alone' },
];

/** And for several. */
export const MANY_TOKENS: readonly KernelVariant['many'][] = [
  { form: 'serial', rows: 2, tokens: 4, threads: 16, reading: 'in quads' },
  { form: 'serial', rows: 4, tokens: 4, threads: 16, reading: 'alone' },
  { form: 'staged', rows: 4, tokens: 4, tokenGroups: 8 },
  { form: 'staged', rows: 8, tokens: 2, tokenGroups: 8 },
  { form: 'staged', rows: 8, tokens: 4, tokenGroups: 8 },
  { form: 'serial', rows: 4, tokens: 4, threads: 64, reading: 'alone' },
];

/** What a device can choose among, its default first. */
export interface VariantChoices {
  one: KernelVariant['one'][];
  many: KernelVariant['many'][];
  rows: KernelVariant['rows'][];
}

/** All that the device can run; on the processor nothing that waits at barriers, which take a hundred times as long there. */
export function candidates(device: { isFallbackAdapter: boolean; subgroupSize: number }): VariantChoices {
  const first = defaultVariant(device.isFallbackAdapter, device.subgroupSize);
  const isTried = (tile: KernelVariant['one' | 'many']) =>
    (tile.form === 'serial' || !device.isFallbackAdapter) && isUsable(tile, device.subgroupSize);
  return {
    one: withFirst(first.one, ONE_TOKEN).filter(isTried),
    many: withFirst(first.many, MANY_TOKENS).filter(isTried),
    rows: device.isFallbackAdapter ? ['serial'] : ['cooperative', 'serial'],
  };
}

function withFirst<T extends object>(first: T, all: readonly T[]): T[] {
  return [first, ...all.filter((one) => Object.values(one).join() !== Object.values(first).join())];
}

/** For people. */
export function describeVariant({ one, many, rows }: KernelVariant): string {
  return `${describeOne(one)}; prompts: ${describeMany(many)}${rows === 'cooperative' ? '; flash attention' : ''}`;
}

function describeOne(tile: KernelVariant['one']): string {
  if (tile.form === 'serial') return `a thread for ${tile.rows} rows${readingOf(tile)}`;
  const join = tile.join === 'subgroup' ? ', subgroups' : '';
  return `${tile.threadsPerRow} threads for ${tile.rows} ${tile.rows === 1 ? 'row' : 'rows'}${join}`;
}

function describeMany(tile: KernelVariant['many']): string {
  const size = `${tile.rows} rows x ${groupTokens(tile)} tokens`;
  return tile.form === 'serial' ? `a thread for ${size}${readingOf(tile)}` : `shared tiles of ${size}`;
}

function readingOf({ reading }: SerialTile): string {
  return reading === 'alone' ? '' : ', reading in fours';
}

/** Whether a device can run it, whose smallest subgroup has `subgroupSize` threads (0: it has none). */
export function isUsable(tile: KernelVariant['one' | 'many'], subgroupSize: number): boolean {
  switch (tile.form) {
    case 'serial':
      return tile.reading === 'alone' || subgroupSize >= 4;
    case 'cooperative':
      return tile.join === 'memory' || tile.threadsPerRow <= subgroupSize;
    case 'staged':
      return true;
  }
}

/** Small workgroups spread over processor cores. */
const ON_PROCESSOR: KernelVariant = {
  one: { form: 'serial', rows: 4, tokens: 1, threads: 16, reading: 'alone' },
  many: { form: 'serial', rows: 4, tokens: 4, threads: 16, reading: 'alone' },
  rows: 'serial',
};

/** Fewer cells to a thread than alone: the text of more does not fit the instruction cache of a core. */
const ON_PROCESSOR_IN_QUADS: KernelVariant = {
  one: { form: 'serial', rows: 4, tokens: 1, threads: 16, reading: 'in quads' },
  many: { form: 'serial', rows: 2, tokens: 4, threads: 16, reading: 'in quads' },
  rows: 'serial',
};

const ON_GPU: KernelVariant = {
  one: { form: 'cooperative', threadsPerRow: 8, rows: 1, threads: 64, join: 'memory' },
  many: { form: 'serial', rows: 4, tokens: 4, threads: 64, reading: 'alone' },
  rows: 'cooperative',
};

/** What a device starts with that was never tuned. */
export function defaultVariant(isFallbackAdapter: boolean, subgroupSize: number): KernelVariant {
  if (!isFallbackAdapter) return ON_GPU;
  return isUsable(ON_PROCESSOR_IN_QUADS.many, subgroupSize) ? ON_PROCESSOR_IN_QUADS : ON_PROCESSOR;
}
