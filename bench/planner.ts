import { OBJECTIVES, type Objective } from '../src/shared/model/plan.ts';
import { settingOf } from '../src/shared/planner/setting.ts';
import { solve } from '../src/shared/planner/solve.ts';
import { type Bar, barLine } from './bar.ts';
import { compareWithPaper } from './planner/against-paper.ts';
import { benchRoom, PLACES, type RoomSpec } from './planner/rooms.ts';
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
export async function main(): Promise<number> {
  const rows: string[][] = [
    ['devices x layers', 'layers', 'objective', 'devices in', 'median ms', 'worst ms', 'median gap %', 'worst gap %', 'no plan'],
  ];
  const bars: Bar[] = [];
  for (const [devices, layers, isUneven, limitMs] of SIZES) {
    const perObjective = OBJECTIVES.map((objective) => measureAll(devices, layers, objective, isUneven));
    for (const all of perObjective) rows.push(rowOf(all, 'all'));
    for (const all of devices > 16 ? perObjective : []) {
      for (const places of PLACES)
        rows.push(
          rowOf(
            all.filter((one) => one.spec.places === places),
            places,
          ),
        );
    }
    // The bars are about latency and throughput with equal layers; the rest is shown.
    if (limitMs > 0) bars.push(...barsOf(devices, layers, limitMs, perObjective.slice(0, 2).flat()));
  }
  console.log(`${table(rows)}\n`);
  console.log(`${compareWithPaper()}\n`);
  for (const bar of bars) console.log(barLine(bar));
  return 0;
}

const SIZES: readonly (readonly [number, number, boolean, number])[] = [
  [12, 80, false, 20],
  [16, 80, false, 250],
  [12, 80, true, 0],
  [16, 80, true, 0],
  [64, 80, false, 500],
];

function measureAll(devices: number, layers: number, objective: Objective, isUneven: boolean): Measured[] {
  const specs = PLACES.flatMap((places) =>
    ROOMS(devices).flatMap((room) => SEEDS.map((seed) => ({ seed, devices, layers, places, room, objective, isUneven }))),
  );
  measure(specs[0]!);
  return specs.map(measure);
}

/** Processor time, as other programmes share this machine's cores. */
function measure(spec: RoomSpec): Measured {
  const asked = benchRoom(spec);
  const { tables, goal } = settingOf(asked, asked.sources, 'last-stage');
  const before = process.cpuUsage();
  const solution = solve(tables, goal, { deadlineMs: Date.now() + BUDGET_MS });
  const used = process.cpuUsage(before);
  return { spec, ms: (used.user + used.system) / 1000, gap: solution && solution.valueMs / solution.lowerMs - 1 };
}

function rowOf(all: readonly Measured[], places: string): string[] {
  const { devices, layers, isUneven, objective } = all[0]!.spec;
  const times = all.map((one) => one.ms);
  const gaps = gapsOf(all);
  const percent = (value: number) => (value * 100).toFixed(2);
  const shown = [median(times).toFixed(1), Math.max(...times).toFixed(1), percent(median(gaps)), percent(Math.max(...gaps))];
  const none = all.filter((one) => one.gap === null).length;
  return [`${devices} x ${layers}`, isUneven ? 'uneven' : 'equal', objective, places, ...shown, String(none)];
}

function barsOf(devices: number, layers: number, limitMs: number, all: readonly Measured[]): Bar[] {
  const name = `planner-${devices}x${layers}`;
  const medians = [...new Set(all.map((one) => one.spec.objective))].map((objective) =>
    median(all.filter((one) => one.spec.objective === objective).map((one) => one.ms)),
  );
  const bars: Bar[] = [{ name, figure: Math.max(...medians), limit: limitMs, sense: '<=', unit: 'ms' }];
  if (devices <= 16) return bars;
  const figure = median(gapsOf(all)) * 100;
  const worst = Math.max(...gapsOf(all)) * 100;
  return [
    ...bars,
    { name: `${name}-gap`, figure, limit: 2, sense: '<=', unit: '%', note: `median; worst ${worst.toFixed(2)} %` },
  ];
}

function gapsOf(all: readonly Measured[]): number[] {
  return all.flatMap((one) => (one.gap === null ? [] : [one.gap]));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}
