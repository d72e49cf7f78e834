import { afterAll, beforeAll, expect, test } from 'vitest';
import { roundVectors } from '../../cpu/scaled-integers.ts';
import { BUFFER_USAGE } from '../gpu-constants.ts';
import { type GpuContext, openGpu } from '../gpu-context.ts';
import { createBuffers } from '../gpu-memory.ts';
import { bind, dispatchRun } from '../kernel.ts';
import { ReadBack } from '../read-back.ts';
import { rotateGroups, rotateKernel } from './rotate.ts';
import { cacheWords, scaleWords } from './scaled-pairs.ts';

/** Heads of more than one value to a thread of a workgroup, and no round number of them. */
const SHAPE = { nHeads: 1, nKvHeads: 3, headDim: 136, ropeDim: 2, contextLength: 4 };
const { nHeads, nKvHeads, headDim } = SHAPE;
const FORMS = ['serial', 'cooperative'] as const;

let gpu: GpuContext;
beforeAll(async () => {
  gpu = await openGpu();
});
afterAll(() => gpu.destroy());

/** What a cache holds of one row of queries, keys and values whose angles are all zero, (cacheWords). */
async function kept(row: Float32Array<ArrayBuffer>, form: (typeof FORMS)[number]): Promise<ArrayBuffer> {
  const bytes = 4 * cacheWords(SHAPE);
  const usage = BUFFER_USAGE.STORAGE | BUFFER_USAGE.COPY_SRC | BUFFER_USAGE.COPY_DST;
  const { qkv, angles, cache, run } = await createBuffers(gpu, 'test', {
    qkv: { bytes: row.byteLength, usage },
    angles: { bytes: 8, usage },
    cache: { bytes, usage },
    run: { bytes: 16, usage: BUFFER_USAGE.UNIFORM | BUFFER_USAGE.COPY_DST },
  });
  const kernel = await gpu.kernel(rotateKernel(SHAPE, form));
  const group = bind(gpu.device, kernel, [qkv, angles, cache, run]);
  const { queue } = gpu.device;
  queue.writeBuffer(qkv, 0, row);
  queue.writeBuffer(angles, 0, Float32Array.of(1, 0));
  queue.writeBuffer(run, 0, Uint32Array.of(0, 1, 0));
  const results = new ReadBack(gpu);
  const words = await results.read(bytes, 'test', (readBack) => {
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    dispatchRun(pass, kernel, group, 0, rotateGroups(SHAPE, form), 1);
    pass.end();
    encoder.copyBufferToBuffer(cache, 0, readBack, 0, bytes);
    queue.submit([encoder.finish()]);
  });
  results.destroy();
  return words;
}

/** One vector for each kept head: plain ones, none but zeros, almost zero, as large as can be, and one spoilt by its last value. */
function someRow(): Float32Array<ArrayBuffer> {
  const magnitudes = [1, 3, 0, 1e-36, 3e38, 1, 0.01];
  const row = Float32Array.from(
    magnitudes.flatMap((magnitude) => Array.from({ length: headDim }, (_, i) => magnitude * Math.sin(i))),
  );
  row[6 * headDim - 1] = Number.NaN;
  return row;
}

test('graphics processors round keys and values as processors do, whatever their size', async () => {
  const row = someRow();
  const vectors = row.subarray(nHeads * headDim);
  const integers = new Int16Array(vectors.length);
  const scales = new Float32Array(2 * nKvHeads);
  roundVectors(vectors, integers, scales);
  const words = await kept(row, 'serial');
  const actual = new Int16Array(words, 0, vectors.length);
  const actualScales = new Float32Array(words, 4 * scaleWords(SHAPE), scales.length);
  for (const [vector, scale] of scales.entries()) {
    // What a pair is read as is 65,536 times as large.
    const actualScale = actualScales[vector]! * 2 ** 16;
    if (Number.isNaN(scale)) expect(actualScale).toBeNaN();
    else expect(Math.abs(actualScale - scale)).toBeLessThanOrEqual(scale * 2 ** -21 + 1e-33);
    if (!(actualScale > 0)) continue;
    // A quotient that lies between two integers may go either way.
    for (let i = vector * headDim; i < (vector + 1) * headDim; i++)
      expect(Math.abs(actual[i]! - integers[i]!)).toBeLessThanOrEqual(1);
  }
  expect(
    new Int16Array(words, 2 * headDim, headDim).some((integer) => integer !== 0),
    'a vector of zeros',
  ).toBe(false);
});

test('a thread to a vector or a workgroup to one: the same bits', async () => {
  const [serial, cooperative] = await Promise.all(
    FORMS.map((form) => kept(someRow().fill(0.5, 6 * headDim - 1, 6 * headDim), form)),
  );
  expect(new Uint32Array(cooperative!)).toEqual(new Uint32Array(serial!));
});
