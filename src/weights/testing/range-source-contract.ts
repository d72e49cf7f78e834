import { describe, expect, test } from 'vitest';
import type { RangeSource } from '../range-source.ts';

/** What a source's test provides. */
export interface SourceUnderTest {
  /** Opens a source of these bytes. */
  open(file: Uint8Array): Promise<RangeSource>;
  /** For sources whose bytes come from elsewhere: one that sends the first bytes of each range and then nothing more. */
  openHanging?(file: Uint8Array): Promise<{ source: RangeSource /** How many downloads are under way. */; downloads(): number }>;
  /** For sources that tell versions apart: one whose file is replaced by another of the same size after it was opened. */
  openReplaced?(file: Uint8Array): Promise<RangeSource>;
}

const FILE = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 + (i >> 8));
const RANGES: [number, number][] = [
  [0, 1],
  [17, 70_001],
  [149_999, 150_001],
  [FILE.length - 1, FILE.length],
  [0, FILE.length],
  [5, 5],
];
const OUTSIDE: [number, number][] = [
  [-1, 4],
  [4, 3],
  [0.5, 2],
  [0, FILE.length + 1],
  [2 ** 60, 2 ** 60 + 8],
];

/** Declares the tests that every RangeSource passes. */
export function describeRangeSourceContract(name: string, { open, openHanging, openReplaced }: SourceUnderTest): void {
  describe(`a range source: ${name}`, () => {
    test('knows its size and its name, and one file always by the same version', async () => {
      const source = await open(FILE);
      expect(source.size).toBe(FILE.length);
      expect(source.url).not.toBe('');
      expect((await open(FILE)).validator).toBe(source.validator);
    });

    test.each(RANGES)('reads and streams exactly bytes %i to %i', async (start, end) => {
      const source = await open(FILE);
      expectBytes(await source.read(start, end), FILE.subarray(start, end));
      expectBytes(await streamed(source, start, end), FILE.subarray(start, end));
    });

    test.each(OUTSIDE)('refuses bytes %d to %d', async (start, end) => {
      const source = await open(FILE);
      await expect(source.read(start, end)).rejects.toMatchObject({ code: 'model-truncated' });
      await expect(streamed(source, start, end)).rejects.toMatchObject({ code: 'model-truncated' });
    });

    test('serves readers side by side, each its own bytes', async () => {
      const source = await open(FILE);
      const ranges = RANGES.toReversed();
      const all = await Promise.all(ranges.flatMap(([start, end]) => [source.read(start, end), streamed(source, start, end)]));
      for (const [i, bytes] of all.entries()) expectBytes(bytes, FILE.subarray(...ranges[i >> 1]!));
    });

    test('can be read again after a reader that stopped early', async () => {
      const source = await open(FILE);
      for await (const _ of source.stream(0, FILE.length)) break;
      expectBytes(await source.read(3, 100_000), FILE.subarray(3, 100_000));
    });

    test('reads nothing for somebody who has stopped already', async () => {
      const source = await open(FILE);
      const signal = AbortSignal.abort();
      await expect(source.read(0, 10, signal)).rejects.toMatchObject({ code: 'stopped' });
      await expect(streamed(source, 0, 10, signal)).rejects.toMatchObject({ code: 'stopped' });
    });

    test('ends in mid-stream for somebody who stops', async () => {
      const source = await open(FILE);
      const stopper = new AbortController();
      const reading = async () => {
        for await (const _ of source.stream(0, FILE.length, stopper.signal)) stopper.abort();
      };
      await expect(reading()).rejects.toMatchObject({ code: 'stopped' });
    });

    if (openHanging) describeLeaving(openHanging);
    if (openReplaced) describeReplaced(openReplaced);
  });
}

function describeLeaving(openHanging: NonNullable<SourceUnderTest['openHanging']>): void {
  test('downloads nothing more for a reader that leaves or stops', async () => {
    const { source, downloads } = await openHanging(FILE);
    for await (const _ of source.stream(0, FILE.length)) {
      expect(downloads()).toBe(1);
      break;
    }
    await expect.poll(downloads).toBe(0);

    const stopper = new AbortController();
    const reading = expect(source.read(0, FILE.length, stopper.signal)).rejects.toMatchObject({ code: 'stopped' });
    await expect.poll(downloads).toBe(1);
    stopper.abort();
    await reading;
    await expect.poll(downloads).toBe(0);
  });
}

function describeReplaced(openReplaced: NonNullable<SourceUnderTest['openReplaced']>): void {
  test('never mixes two versions of a file', async () => {
    const source = await openReplaced(FILE);
    expect(source.validator).not.toBeNull();
    await expect(source.read(0, 10)).rejects.toMatchObject({ code: 'model-changed' });
    await expect(streamed(source, 0, 10)).rejects.toMatchObject({ code: 'model-changed' });
  });
}

/** Pieces are copied: each is good only until the next. */
async function streamed(source: RangeSource, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes: Uint8Array[] = [];
  for await (const piece of source.stream(start, end, signal)) bytes.push(piece.slice());
  const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  bytes.reduce((at, piece) => {
    whole.set(piece, at);
    return at + piece.length;
  }, 0);
  return whole;
}

/** `toEqual` takes a second for a large array. */
function expectBytes(got: Uint8Array, wanted: Uint8Array): void {
  expect(got.length).toBe(wanted.length);
  expect(got.every((byte, i) => byte === wanted[i])).toBe(true);
}
