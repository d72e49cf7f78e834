import { type Bar, brief } from '../bar-line.ts';
import { REFERENCES, realPartings } from './greedy.ts';
import { type FileAccuracy, halfWireRow, OURS, ROWS } from './results.ts';

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
    ...Object.values(REFERENCES).flatMap((reference) => files.map((one) => greedyBar(one, reference))),
    driftBar(files),
  ];
}

/** Rows of our engines, which keep hidden states in float32. */
function ours({ rows }: FileAccuracy): string[] {
  return Object.values(OURS).filter((name) => rows[name]);
}

/** The worst position of every engine in every such file. */
function klBar(files: readonly FileAccuracy[], { name, files: pattern, limit }: (typeof KL_LIMITS)[number]): Bar[] {
  const worst = files.filter(({ file }) => pattern.test(file)).flatMap((one) => ours(one).map((row) => one.rows[row]!.kl!.max));
  return worst.length > 0 ? [{ name, figure: Math.max(...worst), limit, sense: '<=', unit: 'nats' }] : [];
}

function againstLlama({ file, rows }: FileAccuracy, engine: string): Bar {
  const [figure, limit, halfKv] = [engine, ROWS.llama, ROWS.halfKv].map((row) => rows[row]!.klJoined.mean) as [
    number,
    number,
    number,
  ];
  const bar: Bar = { name: `kl-vs-llama ${file} ${engine}`, figure, limit, sense: '<=', unit: 'nats' };
  return figure > limit
    ? { ...bar, note: `float64 with keys and values in half precision, as both keep them, has ${brief(halfKv)}` }
    : bar;
}

/** Prompts that some engine continues otherwise than the reference where the float64 gap is no near-tie. */
function greedyBar({ file, greedy }: FileAccuracy, reference: string): Bar {
  const prompts = greedy[0]!.prompts.map((_, i) =>
    realPartings(
      greedy.map((one) => one.prompts[i]!),
      reference,
    ),
  );
  const parted = prompts.filter((partings) => partings.length > 0);
  const bar: Bar = { name: `greedy-vs-${reference} ${file}`, figure: parted.length, limit: 0, sense: '<=', unit: 'prompts' };
  const taken = parted.filter((partings) => partings.every(({ exactTakes }) => exactTakes === 'ours')).length;
  return parted.length > 0 ? { ...bar, note: `at ${taken} of them float64 takes our token` } : bar;
}

function driftBar(files: readonly FileAccuracy[]): Bar {
  const drifts = files.flatMap((one) =>
    ours(one)
      .flatMap((row) => [row, halfWireRow(row)])
      .filter((row) => one.rows[row])
      .map((row) => Math.abs(one.rows[row]!.perplexity / one.rows[ROWS.exact]!.perplexity - 1)),
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
