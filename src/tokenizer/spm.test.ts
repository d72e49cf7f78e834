import fc from 'fast-check';
import llamaTokenizer from 'llama-tokenizer-js';
import { expect, test } from 'vitest';
import { spmEncode } from './spm.ts';

/**
 * Llama 2's vocabulary. Ids from 259 on were learned in the order of their ids, so the score is the negative rank; only runs of spaces
 * were added by hand, with a score below all others.
 */
const texts: string[] = llamaTokenizer.vocabById;
const scores = texts.map((text, id) => (id < 259 ? 0 : /^\u2581{2,}$/.test(text) ? -1e9 : 259 - id));
const idByText = new Map(texts.flatMap((text, id) => (id < 259 ? [] : [[text, id] as const])));
const byteIds = Array.from({ length: 256 }, (_, byte) => 3 + byte);

const encode = (text: string): number[] => spmEncode(` ${text}`.replaceAll(' ', '\u2581'), { scores, idByText, byteIds });

const word = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'the',
      'tokenization',
      'Hello',
      'don’t',
      'grabbed',
      '2024',
      'être',
      'über',
      'привет',
      '中文',
      '  ',
      '\n',
    ),
  },
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('🦊', '👩‍🚀', 'ﷺ', '\u0301', '\u00a0', '▁', '<0x0A>', '</s>', '[INST]') },
);
// The peer orders equal merges wrongly when rare characters outnumber the others: keep some letters around each.
const text = fc.array(word, { minLength: 1, maxLength: 20 }).map((words) => `${words.join(' and ')} and`);

test('generated text has the ids that llama-tokenizer-js gives it', () => {
  fc.assert(
    fc.property(text, (generated) => {
      expect(encode(generated)).toEqual(llamaTokenizer.encode(generated, false));
    }),
    { numRuns: 1000 },
  );
});

test('the texts of the ids are the text again', () => {
  fc.assert(
    fc.property(text, (generated) => {
      const bytes = encode(generated).flatMap((id) => (id < 259 ? [id - 3] : [...new TextEncoder().encode(texts[id]!)]));
      expect(new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))).toBe(
        ` ${generated}`.replaceAll(' ', '\u2581'),
      );
    }),
  );
});

/** How often the vocabulary is asked: the work of merging, but for the heap's logarithm. */
function lookups(input: string): number {
  let count = 0;
  const counting = {
    get: (text: string) => {
      count++;
      return idByText.get(text);
    },
  };
  spmEncode(input, { scores, byteIds, idByText: counting });
  return count;
}

test.each(['a', 'ha', 'the quick brown fox ', '\u2581', '🦊'])(
  'the work for a long run of "%s" grows with its length and not faster',
  (unit) => {
    const short = unit.repeat(1000);
    const long = unit.repeat(Math.ceil(100_000 / unit.length));
    const perCharacter = lookups(short) / short.length;
    expect(lookups(long) / long.length).toBeLessThan(perCharacter * 1.1);
  },
);
