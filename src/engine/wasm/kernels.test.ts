import { describe, expect, test } from 'vitest';
import { BLOCK_FORMATS, dequantize, QUANT_TYPES, type QuantType, rowBytes } from '../../gguf/quant.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { randomHead } from '../random-weights.ts';
import { uniformTypes } from '../tensor-shape.ts';
import { Heap } from './heap.ts';
import { type Address, bindKernels, compileKernels } from './kernels.ts';

const COLUMNS = 512;
const ROWS = 8;
const INPUTS = 3;

const heap = new Heap();
const kernels = bindKernels((await compileKernels())!, heap.memory);
const place = (floats: Float32Array): Address => {
  const address = heap.allocate(floats.byteLength);
  heap.floats(address, floats.length).set(floats);
  return address;
};
const wave = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(1 + i * i));

describe.each(QUANT_TYPES)('the %s kernels', (type) => {
  test('decode every value to the bit as the plain decoder does', async () => {
    const { address, plain } = await placeRandomRows(type);
    const out = heap.allocate(ROWS * COLUMNS * 4);
    kernels.expand(BLOCK_FORMATS[type].ggmlType, address, COLUMNS, 0, ROWS, out);
    const decoded = heap.floats(out, ROWS * COLUMNS);
    expect(decoded.findIndex((value, i) => value !== plain[i])).toBe(-1);
  });

  test('multiply one row and several with the same bits', async () => {
    const { address } = await placeRandomRows(type);
    const format = BLOCK_FORMATS[type].ggmlType;
    const x = place(wave(INPUTS * COLUMNS));
    const [direct, tiled, single] = [1, 2, 3].map(() => heap.allocate(INPUTS * ROWS * 4)) as [Address, Address, Address];
    const tile = heap.allocate(ROWS * COLUMNS * 4);
    kernels.expand(format, address, COLUMNS, 0, ROWS, tile);
    for (let row = 0; row < ROWS; row += 4)
      kernels.multiplyFour(tile + row * COLUMNS * 4, COLUMNS, x, INPUTS, tiled + row * 4, ROWS);
    for (let i = 0; i < INPUTS; i++) {
      kernels.multiplyRow(format, address, COLUMNS, x + i * COLUMNS * 4, direct + i * ROWS * 4, 0, ROWS);
      kernels.multiplySome(tile, COLUMNS, ROWS, x + i * COLUMNS * 4, single + i * ROWS * 4);
    }
    const products = [direct, tiled, single].map((at) => Array.from(heap.floats(at, INPUTS * ROWS)));
    expect(products[1]).toEqual(products[0]);
    expect(products[2]).toEqual(products[0]);
  });
});

test('sums of exponentials are right to six digits from the smallest term to the largest', () => {
  for (const spread of [0.01, 1, 20, 200]) {
    const logits = Float32Array.from({ length: 1003 }, (_, i) => -spread * ((i * 0.618) % 1));
    const expected = logits.reduce((sum, logit) => sum + Math.exp(logit * 0.7), 0);
    expect(kernels.sumExp(place(logits), logits.length, 0, 0.7) / expected).toBeCloseTo(1, 6);
  }
});

test('a gate is let through by its sigmoid, from far below zero to far above', () => {
  const gate = Float32Array.from({ length: 64 }, (_, i) => (i - 32) * 4);
  const up = wave(64);
  const [gateAt, upAt] = [place(gate), place(up)];
  kernels.gateUp(gateAt, upAt, 64);
  const got = heap.floats(gateAt, 64);
  for (const [i, x] of gate.entries()) expect(got[i]).toBeCloseTo((x / (1 + Math.exp(-x))) * up[i]!, 5);
});

/** (ROWS, COLUMNS) of valid random blocks, and their values. */
async function placeRandomRows(type: QuantType): Promise<{ address: Address; plain: Float32Array }> {
  const spec = { dim: COLUMNS, vocabSize: ROWS } as ModelSpec;
  for await (const { role, bytes } of randomHead(spec, uniformTypes(type), 5)) {
    if (role !== 'output') continue;
    const plain = new Float32Array(ROWS * COLUMNS);
    for (let row = 0; row < ROWS; row++) {
      const at = row * rowBytes(type, COLUMNS);
      dequantize(type, bytes, at, COLUMNS, plain.subarray(row * COLUMNS, (row + 1) * COLUMNS));
    }
    const address = heap.allocate(bytes.length);
    heap.bytes(address, bytes.length).set(bytes);
    return { address, plain };
  }
  throw new Error('no output matrix');
}
