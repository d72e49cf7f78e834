import { expect, test } from 'vitest';
import { firstParting, realPartings } from './greedy.ts';

const along = (...ids: number[]) => ids.map((id, i) => ({ id, gap: i / 1000 }));

test('equal continuations do not part', () => {
  expect(firstParting(along(5, 6), [5, 6], [5, 6])).toBeNull();
});

test.each([
  { why: 'float64 takes ours', choices: along(5, 6, 7), theirs: [5, 6, 8], exactTakes: 'ours' },
  { why: 'float64 takes theirs', choices: along(5, 6, 8), theirs: [5, 6, 8], exactTakes: 'theirs' },
  { why: 'float64 takes neither', choices: along(5, 6, 9), theirs: [5, 6, 8], exactTakes: 'neither' },
  { why: 'theirs ended before', choices: along(5, 6, 7), theirs: [5, 6], exactTakes: 'ours' },
])('a parting is where tokens first differ: $why', ({ choices, theirs, exactTakes }) => {
  expect(firstParting(choices, [5, 6, 7], theirs)).toEqual({ token: 2, exactGap: 0.002, exactTakes });
});

test('near-ties are excused, larger gaps are not', () => {
  const prompt = (exactGap: number) => ({ prompt: '', partings: { them: { token: 1, exactGap, exactTakes: 'ours' as const } } });
  const prompts = [prompt(0.0009), prompt(0.001), { prompt: '', partings: { them: null } }];
  expect(realPartings(prompts, 'them').map(({ exactGap }) => exactGap)).toEqual([0.001]);
});
