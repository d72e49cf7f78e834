import { type Bar, brief } from '../bar.ts';
import { NEAR_TIE } from './greedy.ts';
import { type FileAccuracy, ROWS } from './results.ts';

/** Half precision and better must be as good as exact; block formats may differ by what activations in float32 round. */
const KL_LIMITS: { name: string; files: RegExp; limit: number }[] = [
  { name: 'kl-f16', files: /-f(16|32)\.gguf$/, limit: 1e-5 },
  { name: 'kl-quantised', files: /-q\d\w*\.gguf$/, limit: 1e-4 },
];
const PERPLEXITY_DRIFT_PERCENT = 0.1;

/** The promises about fidelity, over all files that were measured. */
export function accuracyBars(files: readonly FileAccuracy[]): Bar[] {
  return [
    ...KL_LIMITS.flatMap((limit) => klBar(files, limit)),
    ...files.flatMap((one) => ours(one).map((row) => againstLlama(one, row))),
    greedyBar(files),
    driftBar(files),
  ];
}

function ours({ rows }: FileAccuracy): string[] {
  return [ROWS.cpu, ROWS.webgpu].filter((name) => rows[name]);
}

/** The worst position of every engine in every such file. */
function klBar(files: readonly FileAccuracy[], { name, files: pattern, limit }: (typeof KL_LIMITS)[number]): Bar[] {
  const worst = files.filter(({ file }) => pattern.test(file)).flatMap((one) => ours(one).map((row) => one.rows[row]!.kl!.max));
  return worst.length > 0 ? [{ name, figure: Math.max(...worst), limit, sense: '<=', unit: 'nats' }] : [];
}

/**
 * Ours against llama.cpp's. Where weights are floats both come down to the cost of 16-bit keys and values, which is above
 * or below llama.cpp's figure by luck: so a file's limit is not below that cost.
 */
function againstLlama({ file, rows }: FileAccuracy, engine: string): Bar {
  const llama = rows[ROWS.llama]!.klJoined.mean;
  const halfKv = rows[ROWS.halfKv]!.klJoined.mean;
  const note = halfKv > llama ? { note: `llama.cpp ${brief(llama)}; the limit is the cost of 16-bit keys and values` } : {};
  const figure = rows[engine]!.klJoined.mean;
  return { name: `kl-vs-llama ${file} ${engine}`, figure, limit: Math.max(llama, halfKv), sense: '<=', unit: 'nats', ...note };
}

/**
 * Prompts whose continuation parts from a reference's where the float64 gap is no near-tie and float64 takes another
 * token than ours. The note counts those where it takes ours: the reference's arithmetic on quantised blocks is off.
 */
function greedyBar(files: readonly FileAccuracy[]): Bar {
  const parted = files
    .flatMap(({ greedyExpanded, greedyPacked }) => [...greedyExpanded, ...greedyPacked])
    .filter(({ exactGap }) => exactGap !== null && exactGap >= NEAR_TIE);
  const figure = parted.filter(({ exactTakes }) => exactTakes !== 'ours').length;
  const note = `at ${parted.length - figure} others float64 takes our token, not llama.cpp's`;
  return { name: 'greedy-parted', figure, limit: 0, sense: '<=', unit: 'prompts', note };
}

function driftBar(files: readonly FileAccuracy[]): Bar {
  const drifts = files.flatMap((one) =>
    [...ours(one), ROWS.wire].map((row) => Math.abs(one.rows[row]!.perplexity / one.rows[ROWS.exact]!.perplexity - 1)),
  );
  return {
    name: 'perplexity-drift',
    figure: 100 * Math.max(...drifts),
    limit: PERPLEXITY_DRIFT_PERCENT,
    sense: '<=',
    unit: '%',
    note: 'f16 wire included',
  };
}
