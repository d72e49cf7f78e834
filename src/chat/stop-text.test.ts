import fc from 'fast-check';
import { expect, it } from 'vitest';
import { StopText } from './stop-text.ts';

function shown(stops: string[], texts: string[]): { text: string; found: boolean } {
  const filter = new StopText(stops);
  const text = texts.map((one) => filter.push(one)).join('') + filter.flush();
  return { text, found: filter.found };
}

it.each([
  [['END'], ['a', 'bE', 'N', 'Dc'], 'ab', true],
  [['END'], ['EN', 'EN', 'D'], 'EN', true],
  [['END', '\n'], ['one\ntwo END'], 'one', true],
  [['END'], ['the EN'], 'the EN', false],
  [[], ['all', ' of it'], 'all of it', false],
])('with the stop texts %j the texts %j show %j', (stops, texts, text, found) => {
  expect(shown(stops, texts)).toEqual({ text, found });
});

it('how a text was cut into texts changes nothing', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 20 });
  fc.assert(
    fc.property(
      fc.array(letters),
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 3 })),
      (texts, stops) => {
        expect(shown(stops, texts)).toEqual(shown(stops, [texts.join('')]));
      },
    ),
  );
});
