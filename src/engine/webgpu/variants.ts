/**
 * How a device computes: who takes which rows, tokens and lanes of a sum. A variant changes the time, never a bit, as all
 * of them add the same terms in the same order (kernels/lanes.ts).
 */
export interface KernelVariant {
  /** Products of one token. */
  one: SerialTile | CooperativeTile;
  /** Products of several tokens. */
  many: SerialTile | StagedTile;
}

/** A thread computes whole cells and waits for no other: what adapters on the processor want. */
export interface SerialTile {
  form: 'serial';
  /** Of one thread. */
  rows: number;
  tokens: number;
  /** To a workgroup. */
  threads: number;
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
  { form: 'serial', rows: 4, tokens: 1, threads: 16 },
  cooperative(8, 1, 'memory'),
  cooperative(8, 2, 'memory'),
  cooperative(4, 2, 'memory'),
  cooperative(8, 2, 'subgroup'),
  cooperative(4, 2, 'subgroup'),
  cooperative(2, 4, 'memory'),
  { form: 'serial', rows: 2, tokens: 1, threads: 64 },
];

/** And for several. */
export const MANY_TOKENS: readonly KernelVariant['many'][] = [
  { form: 'serial', rows: 4, tokens: 4, threads: 16 },
  { form: 'staged', rows: 4, tokens: 4, tokenGroups: 8 },
  { form: 'staged', rows: 8, tokens: 2, tokenGroups: 8 },
  { form: 'staged', rows: 8, tokens: 4, tokenGroups: 8 },
  { form: 'serial', rows: 4, tokens: 4, threads: 64 },
];

/** What a device can choose among, its default first. */
export interface VariantChoices {
  one: KernelVariant['one'][];
  many: KernelVariant['many'][];
}

/** All that the device can run; on the processor nothing that waits at barriers, which take a hundred times as long there. */
export function candidates(device: { isFallbackAdapter: boolean; subgroupSize: number }): VariantChoices {
  const first = defaultVariant(device.isFallbackAdapter);
  const isTried = ({ form }: KernelVariant['one' | 'many']) => form === 'serial' || !device.isFallbackAdapter;
  return {
    one: withFirst(first.one, ONE_TOKEN).filter((tile) => isTried(tile) && isUsable(tile, device.subgroupSize)),
    many: withFirst(first.many, MANY_TOKENS).filter(isTried),
  };
}

function withFirst<T extends object>(first: T, all: readonly T[]): T[] {
  return [first, ...all.filter((one) => Object.values(one).join() !== Object.values(first).join())];
}

/** For people. */
export function describeVariant({ one, many }: KernelVariant): string {
  return `${describeOne(one)}; prompts: ${describeMany(many)}`;
}

function describeOne(tile: KernelVariant['one']): string {
  if (tile.form === 'serial') return `a thread for ${tile.rows} rows`;
  const join = tile.join === 'subgroup' ? ', subgroups' : '';
  return `${tile.threadsPerRow} threads for ${tile.rows} ${tile.rows === 1 ? 'row' : 'rows'}${join}`;
}

function describeMany(tile: KernelVariant['many']): string {
  const size = `${tile.rows} rows x ${groupTokens(tile)} tokens`;
  return tile.form === 'serial' ? `a thread for ${size}` : `shared tiles of ${size}`;
}

/** Whether a device can run it. */
export function isUsable(tile: KernelVariant['one'], subgroupSize: number): boolean {
  return tile.form === 'serial' || tile.join === 'memory' || tile.threadsPerRow <= subgroupSize;
}

/** Small workgroups spread over processor cores. */
const ON_PROCESSOR: KernelVariant = {
  one: { form: 'serial', rows: 4, tokens: 1, threads: 16 },
  many: { form: 'serial', rows: 4, tokens: 4, threads: 16 },
};

const ON_GPU: KernelVariant = {
  one: { form: 'cooperative', threadsPerRow: 8, rows: 1, threads: 64, join: 'memory' },
  many: { form: 'serial', rows: 4, tokens: 4, threads: 64 },
};

/** What a device starts with that was never tuned. */
export function defaultVariant(isFallbackAdapter: boolean): KernelVariant {
  return isFallbackAdapter ? ON_PROCESSOR : ON_GPU;
}
