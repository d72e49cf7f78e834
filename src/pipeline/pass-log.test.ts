import { describe, expect, it } from 'vitest';
import { PassLog } from './pass-log.ts';

const run = (request: number) => ({ source: 1, request, sequence: 1, position: 0, rows: 1 });

describe('what a stage knows of passes', () => {
  it('is where each one is, and since when', () => {
    const log = new PassLog();
    expect(log.wordOn(1, 7, 100).state).toBe('unseen');
    log.waiting(run(7), 40, 100);
    log.running(run(7), 130);
    expect(log.wordOn(1, 7, 150)).toEqual({ state: 'running', sinceMs: 20, expectedMs: 40 });
    log.passed({ epoch: 1, run: run(7), to: 2 }, 170);
    expect(log.wordOn(1, 7, 180)).toMatchObject({ state: 'passed', sinceMs: 10 });
    log.forget(run(7));
    expect(log.wordOn(1, 7, 180).state).toBe('unseen');
  });

  it('is as much of the last ones that it sent on, however many it has itself', () => {
    const log = new PassLog();
    for (let request = 0; request < 2000; request++) log.waiting(run(request), 0, 0);
    for (let request = 5000; request < 5300; request++) log.passed({ epoch: 1, run: run(request), to: 2 }, 0);
    expect(log.wordOn(1, 5299, 0).state).toBe('passed');
    expect(log.wordOn(1, 0, 0).state).toBe('waiting');
    expect(log.takeSentTo(2)).toHaveLength(256);
    expect(log.takeSentTo(2)).toHaveLength(0);
  });
});
