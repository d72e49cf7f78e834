import { describe, expect, it } from 'vitest';
import type { PassWord } from './pass-log.ts';
import { planOf } from './testing/room.ts';
import { type TracedPass, verdictOn } from './trace.ts';

const plan = planOf(1, [2, 3], [3, 6]);
/** A row takes 64 ms on each link. */
const slow = { ...plan, predicted: { ...plan.predicted, linkMs: [64, 64, 64] } };
const PASSED: PassWord = { state: 'passed', sinceMs: 100, expectedMs: 0 };
const UNSEEN: PassWord = { state: 'unseen', sinceMs: 0, expectedMs: 0 };

function verdict(change: Partial<TracedPass>, ...words: [number, PassWord][]) {
  const usual = { plan, rows: 1, replyRows: 1, endsAt: 3, sinceMs: 1500, askedMs: 500, isOpen: () => true };
  return verdictOn({ ...usual, words: new Map(words), ...change });
}

describe('a pass without a reply', () => {
  it('is waited for while a stage has it and is not late by its own measure', () => {
    expect(verdict({}, [2, PASSED], [3, { state: 'running', sinceMs: 20_000, expectedMs: 18_000 }])).toEqual({ kind: 'wait' });
    expect(verdict({}, [2, { state: 'waiting', sinceMs: 90_000, expectedMs: 1 }])).toEqual({ kind: 'wait' });
  });

  it('shows a stage that hangs within 5 s beyond its own measure, a tick of half a second included', () => {
    const at = (sinceMs: number) => verdict({}, [2, PASSED], [3, { state: 'running', sinceMs, expectedMs: 20_000 }]);
    expect(at(24_000)).toEqual({ kind: 'wait' });
    expect(at(24_500)).toEqual({ kind: 'hung', peerId: 3 });
  });

  it('shows a stage that says nothing', () => {
    expect(verdict({ askedMs: 2500 }, [2, PASSED])).toEqual({ kind: 'wait' });
    expect(verdict({ askedMs: 3500 }, [2, PASSED])).toEqual({ kind: 'hung', peerId: 3 });
  });

  it('does not show a stage whose link is gone, or that is asked over a link which is full', () => {
    expect(verdict({ askedMs: 9000, isOpen: (peerId) => peerId !== 2 })).toEqual({ kind: 'wait' });
    expect(verdict({ plan: slow, rows: 128, sinceMs: 9000, askedMs: 8000 })).toEqual({ kind: 'wait' });
    expect(verdict({ plan: slow, rows: 128, sinceMs: 60_000, askedMs: 59_000 })).toEqual({ kind: 'hung', peerId: 2 });
  });

  it('is lost when it is nowhere, and not while what was sent before it may still be under way', () => {
    expect(verdict({ sinceMs: 2000 }, [2, UNSEEN])).toEqual({ kind: 'lost' });
    expect(verdict({ plan: slow, rows: 128, sinceMs: 9000 }, [2, UNSEEN])).toEqual({ kind: 'wait' });
    expect(verdict({}, [2, PASSED], [3, { ...PASSED, sinceMs: 2000 }])).toEqual({ kind: 'lost' });
  });

  it('is not lost while a reply of a whole row may be under way', () => {
    const words: [number, PassWord][] = [
      [2, PASSED],
      [3, { ...PASSED, sinceMs: 2000 }],
    ];
    expect(verdict({ replyRows: 500, plan: { ...plan, predicted: { ...plan.predicted, linkMs: [0, 0, 5] } } }, ...words)).toEqual(
      {
        kind: 'wait',
      },
    );
  });
});
