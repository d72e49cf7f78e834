import { expect, test } from 'vitest';
import { AppError } from '../shared/errors.ts';
import { joinSources } from './joined-source.ts';
import { memoryRangeSource, type RangeSource } from './range-source.ts';
import { describeRangeSourceContract } from './testing/range-source-contract.ts';

/** A part of a file, with a version of its own. */
const part = (bytes: Uint8Array, validator: string | null): RangeSource => ({ ...memoryRangeSource(bytes, 1000), validator });

/** The file over three sources, the middle one changed by the test. */
function inThree(file: Uint8Array, change: (middle: RangeSource) => RangeSource = (same) => same): RangeSource {
  const cuts = [0, 150_000, 150_000 + 64, file.length];
  const [first, middle, last] = [0, 1, 2].map((i) => part(file.subarray(cuts[i], cuts[i + 1]), `v${i}`));
  return joinSources([first!, change(middle!), last!]);
}

describeRangeSourceContract('several joined', {
  open: async (file) => inThree(file),
  openHanging: async (file) => {
    let downloads = 0;
    const source = part(file, 'v');
    const hanging: RangeSource = {
      ...source,
      read: async (_start, _end, signal) => {
        downloads++;
        return new Promise((_, reject) => {
          signal?.addEventListener('abort', () => {
            downloads--;
            reject(new AppError('stopped', 'loading was stopped'));
          });
        });
      },
      async *stream(start, end, signal) {
        downloads++;
        try {
          yield* source.stream(start, end, signal);
        } finally {
          downloads--;
        }
      },
    };
    return { source: joinSources([hanging, part(file.subarray(0, 0), 'v')]), downloads: () => downloads };
  },
  openReplaced: async (file) => {
    const changed = async () => Promise.reject(new AppError('model-changed', 'it was replaced'));
    const replaced: RangeSource = {
      ...part(file, 'v'),
      read: changed,
      // biome-ignore lint/correctness/useYield: it has nothing to give
      async *stream() {
        await changed();
      },
    };
    return joinSources([replaced, part(file.subarray(0, 0), 'v')]);
  },
});

test('a version of each part makes the version of all, and a part that has none leaves all without', () => {
  const file = new Uint8Array(200_000);
  const versions = ['a', 'b', null].map((validator) => inThree(file, (middle) => ({ ...middle, validator })).validator);
  expect(new Set(versions).size).toBe(3);
  expect(versions[2]).toBeNull();
});
