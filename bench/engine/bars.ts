import { type Bar, brief } from '../bar-line.ts';
import { CONTEXTS, PREFILLS, type Row } from './row.ts';

/** All rows of one model. */
export interface ModelRows {
  model: string;
  rows: Row[];
}

const SHORT = CONTEXTS[0];
/** The demo model is so small that fixed costs decide. */
const COMPARED_SHAPES = /^(mini|mid|tinyllama)-/;

/** The promises about speed of one model, as far as the rows that they compare were measured. */
export function modelBars({ model, rows }: ModelRows): Bar[] {
  const row = (title: string) => rows.find((one) => one.title.startsWith(title));
  const [gpu, cpu, threads] = [row('ours, WebGPU'), row('ours, CPU, 1'), row('ours, CPU, threads')];
  const wllama = row('wllama, WASM, 1');
  const bars: Bar[] = [];
  const add = (name: string, figure: number, limit: number, sense: Bar['sense'], unit: string, note?: string) =>
    bars.push({ name: `${name} ${model}`, figure, limit, sense, unit, ...(note ? { note } : {}) });
  for (const { name, ratio, limit, isRight } of ortRatios({ model, rows }))
    if (isRight) add(name, ratio, limit, '>=', 'x', 'same tokens');
  if (cpu && wllama) {
    add('cpu-decode-vs-wllama', wllama.decodeMs[SHORT]! / cpu.decodeMs[SHORT]!, 0.8, '>=', 'x');
    add('cpu-prefill-vs-wllama', prefillRatio(cpu, wllama), 1, '>=', 'x');
  }
  if (cpu && threads && /^mid-/.test(model)) {
    add('cpu-threads-vs-1', cpu.decodeMs[SHORT]! / threads.decodeMs[SHORT]!, 1.5, '>=', 'x', threads.backend);
    add('cpu-threads-prefill-vs-1', prefillRatio(threads, cpu), 1.5, '>=', 'x', threads.backend);
  }
  if (gpu && threads) add('auto-vs-best', autoRatio([gpu, threads]), 0.95, '>=', 'x', autoNote([gpu, threads]));
  if (model.startsWith('mini') && gpu?.overheadMs != null) add('forward-overhead', gpu.overheadMs, 3, '<=', 'ms');
  if (model.startsWith('layers22') && gpu?.encodeMs != null) add('encode-22-layers', gpu.encodeMs, 0.3, '<=', 'ms');
  return bars;
}

/** Our speed in WebGPU over onnxruntime-web's, and whether its tokens are right: ours are llama.cpp's, see `npm run accuracy`. */
export function ortRatios({ model, rows }: ModelRows): { name: string; ratio: number; limit: number; isRight: boolean }[] {
  const [gpu, ort] = ['ours, WebGPU', 'onnxruntime-web'].map((title) => rows.find((one) => one.title.startsWith(title)));
  if (!gpu || !ort || !COMPARED_SHAPES.test(model)) return [];
  const decode = {
    name: 'decode-vs-ort',
    ratio: ort.decodeMs[SHORT]! / gpu.decodeMs[SHORT]!,
    limit: 15,
    isRight: sameTokens(gpu.ids.decode[SHORT]!, ort.ids.decode[SHORT]!),
  };
  const prefills = PREFILLS.map((count) => ({
    name: `prefill-${count}-vs-ort`,
    ratio: gpu.prefillPerSecond[count]! / ort.prefillPerSecond[count]!,
    limit: 2,
    isRight: sameTokens(gpu.ids.prefill[count]!, ort.ids.prefill[count]!),
  }));
  return [decode, ...prefills];
}

function prefillRatio(ours: Row, theirs: Row): number {
  return Math.min(...PREFILLS.map((count) => ours.prefillPerSecond[count]! / theirs.prefillPerSecond[count]!));
}

/** Speed of the engine that a device would have chosen by its own measurement, over that of the best one. */
function autoRatio(rows: readonly Row[]): number {
  return Math.min(...rows.map((row) => row.decodeMs[SHORT]!)) / chosen(rows).decodeMs[SHORT]!;
}

function chosen(rows: readonly Row[]): Row {
  return rows.reduce((best, row) => (row.profile!.decodeMs < best.profile!.decodeMs ? row : best));
}

function autoNote(rows: readonly Row[]): string {
  const measured = rows.map(({ profile }) => `${profile!.engine} ${brief(profile!.decodeMs)} ms`).join(', ');
  return `measured before loading: ${measured}`;
}

function sameTokens(ours: readonly number[], theirs: readonly number[]): boolean {
  return theirs.every((id, i) => id === ours[i]);
}
