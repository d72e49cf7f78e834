import { OBJECTIVES, type Objective } from '../src/shared/model/plan.ts';
import { solve } from '../src/shared/planner/solve.ts';
import { settingOf } from '../src/shared/planner/solver-setting.ts';
import { type Bar, barLine } from './bar-line.ts';
import { compareWithPaper } from './planner/against-paper.ts';
import { benchRoom, PLACES, type Places, type RoomSpec } from './planner/rooms.ts';
import { table } from './table.ts';

/** With 64 devices of which most hold a layer or two, less memory would leave most rooms without any plan. */
const ROOMS = (devices: number) => (devices > 16 ? [2, 3, 5] : [1.3, 2, 4]);
const SEEDS = [1, 2];
const BUDGET_MS = 450;

interface Measured {
  spec: RoomSpec;
  ms: number;
  /** Part by which the plan may be above the best one; null when no plan was found. */
  gap: number | null;
}

/** `npm run bench:planner`: how long planning takes, how far from the best it may be, and what it gains over the paper's. */
export async function main(): Promise<void> {
  const rows: string[][] = [
    [
      'devices x layers',
      'layers',
      'objective',
      'devices in',
      'median ms',
      'worst ms',
      'proven %',
      'median gap %',
      'worst gap %',
      'no plan',
    ],
  ];
  const bars: Bar[] = [];
  for (const size of SIZES) {
    const perObjective = OBJECTIVES.map((objective) => measureAll(size, objective));
    for (const all of perObjective) rows.push(rowOf(all, 'all'));
    for (const all of size.devices > 16 ? perObjective : []) {
      for (const places of PLACES) rows.push(rowOf(inPlaces(all, places), places));
    }
    bars.push(...barsOf(size, perObjective));
  }
  console.log(`${table(rows)}\n`);
  console.log(`${compareWithPaper()}\n`);
  for (const bar of bars) console.log(barLine(bar));
}

interface Size {
  devices: number;
  layers: number;
  isUneven: boolean;
  /** For the median room with latency and throughput; with uneven layers and for the first token, ms. */
  limitMs: number;
  otherLimitMs: number;
}

const SIZES: readonly Size[] = [
  { devices: 12, layers: 80, isUneven: false, limitMs: 20, otherLimitMs: 1000 },
  { devices: 16, layers: 80, isUneven: false, limitMs: 250, otherLimitMs: 1000 },
  { devices: 12, layers: 80, isUneven: true, limitMs: 1000, otherLimitMs: 1000 },
  { devices: 16, layers: 80, isUneven: true, limitMs: 1000, otherLimitMs: 1000 },
  { devices: 64, layers: 80, isUneven: false, limitMs: 500, otherLimitMs: 500 },
];

function measureAll({ devices, layers, isUneven }: Size, objective: Objective): Measured[] {
  const specs = PLACES.flatMap((places) =>
    ROOMS(devices).flatMap((room) => SEEDS.map((seed) => ({ seed, devices, layers, places, room, objective, isUneven }))),
  );
  measure(specs[0]!);
  return specs.map(measure);
}

/** Both clock and deadline are processor time, as other programmes share this machine's cores. */
function measure(spec: RoomSpec): Measured {
  const asked = benchRoom(spec);
  const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
  const startMs = processorMs();
  const solution = solve(tables, goal, { now: processorMs, deadlineMs: startMs + BUDGET_MS });
  return { spec, ms: processorMs() - startMs, gap: solution && solution.valueMs / solution.lowerMs - 1 };
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function inPlaces(all: readonly Measured[], places: Places): Measured[] {
  return all.filter((one) => one.spec.places === places);
}

function rowOf(all: readonly Measured[], places: string): string[] {
  const { devices, layers, isUneven, objective } = all[0]!.spec;
  const times = all.map((one) => one.ms);
  const gaps = gapsOf(all);
  const percent = (value: number) => (value * 100).toFixed(2);
  const proven = `${Math.round((all.filter((one) => one.gap === 0).length / all.length) * 100)}`;
  const shown = [median(times).toFixed(1), Math.max(...times).toFixed(1), proven];
  const none = all.filter((one) => one.gap === null).length;
  const gapCells = [percent(median(gaps)), percent(Math.max(...gaps))];
  return [`${devices} x ${layers}`, isUneven ? 'uneven' : 'equal', objective, places, ...shown, ...gapCells, String(none)];
}

/** Of the objective that takes longest: with equal layers latency and throughput have a bar of their own. */
function barsOf(size: Size, perObjective: readonly Measured[][]): Bar[] {
  const { devices, layers, isUneven, limitMs, otherLimitMs } = size;
  const name = `planner-${devices}x${layers}${isUneven ? '-uneven' : ''}`;
  const medians = perObjective.map((all) => median(all.map((one) => one.ms)));
  const bar = (suffix: string, figure: number, limit: number): Bar => ({
    name: name + suffix,
    figure,
    limit,
    sense: '<=',
    unit: 'ms',
  });
  const times = isUneven
    ? [bar('', Math.max(...medians), limitMs)]
    : [bar('', Math.max(medians[0]!, medians[1]!), limitMs), bar('-first-token', medians[2]!, otherLimitMs)];
  return devices > 16 ? [...times, ...gapBars(name, perObjective)] : [...times, provenBar(name, perObjective.flat())];
}

function provenBar(name: string, all: readonly Measured[]): Bar {
  const figure = (all.filter((one) => one.gap === 0).length / all.length) * 100;
  return { name: `${name}-proven`, figure, limit: 100, sense: '>=', unit: '%' };
}

/** The median room, the worst of each kind of place, and the median with the objective that is hardest to bound. */
function gapBars(name: string, perObjective: readonly Measured[][]): Bar[] {
  const all = perObjective.slice(0, 2).flat();
  const worst = (gaps: readonly number[]) => Math.max(...gaps) * 100;
  const bar = (suffix: string, figure: number, note: string): Bar => {
    return { name: `${name}-gap${suffix}`, figure, limit: 2, sense: '<=', unit: '%', note };
  };
  const medianBar = (suffix: string, gaps: readonly number[]) =>
    bar(suffix, median(gaps) * 100, `median; worst ${worst(gaps).toFixed(2)} %`);
  const perPlace = PLACES.map((places) =>
    bar(`-${places.replace(' ', '-')}`, worst(gapsOf(inPlaces(all, places))), 'worst room'),
  );
  return [medianBar('', gapsOf(all)), ...perPlace, medianBar('-first-token', gapsOf(perObjective[2]!))];
}

function gapsOf(all: readonly Measured[]): number[] {
  return all.flatMap((one) => (one.gap === null ? [] : [one.gap]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
