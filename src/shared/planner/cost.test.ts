import { expect, test } from 'vitest';
import { HEAD_REPLY_BYTES } from '../model/head-row.ts';
import { costTables, stageMs } from './cost.ts';
import { allLinks, device, link, problem, spec } from './testing/problem.ts';

const token = { kind: 'token', head: 'last-stage' } as const;

test('in a file of mixed formats a layer takes its share by bytes, and all of them what the profile says', () => {
  const mixed = problem({ spec: spec(4, { layerBytes: [100, 100, 150, 50] }), devices: [device(1, 8, 1e6)] });
  const tables = costTables(mixed, [], token);
  expect([0, 1, 2, 3].map((layer) => stageMs(tables, 0, layer, layer + 1, false))).toEqual([8, 8, 12, 4]);
  const chunk = costTables({ ...mixed, promptTokens: 10 }, [], { ...token, kind: 'chunk' });
  expect(chunk.msBefore[0]).toEqual([0, 80, 160, 280, 320]);
});

test('times measured layer by layer are taken as they are', () => {
  const measured = { ...device(1, 8, 1e6), layerMs: [1, 2, 3, 4] };
  const tables = costTables(problem({ spec: spec(4, { layerBytes: [100, 100, 150, 50] }), devices: [measured] }), [], token);
  expect(tables.msBefore[0]).toEqual([0, 1, 3, 6, 10]);
});

test('a layer takes its weights and the keys and values of every sequence at full context', () => {
  const tables = costTables(problem({ devices: [device(1, 1, 1e6)], contextLength: 10, sequences: 3 }), [], token);
  // 92 bytes of weights, and 12 of keys and values for each of 30 tokens.
  expect(tables.bytesBefore).toEqual([0, 452, 904, 1356, 1808]);
});

test('links carry a row of the wire format one way, and the head’s reply or a row the other', () => {
  const links = [{ ...link(1, 9, 10, 8), fixedMs: 2 }];
  const asked = problem({ devices: [device(1, 1, 1e6)], links, sources: [9] });
  // 8 Mbit/s are 1,000 bytes a ms; a row has 250 values.
  expect(costTables(asked, [9], token).entryMs[0]).toBeCloseTo(5 + 2 + 1, 9);
  expect(costTables({ ...asked, wireDtype: 'f16' }, [9], token).entryMs[0]).toBeCloseTo(5 + 2 + 0.5, 9);
  expect(costTables(asked, [9], token).exitMs[0]).toBeCloseTo(5 + 2 + HEAD_REPLY_BYTES / 1000, 9);
  expect(costTables(asked, [9], token).exitBusyMs[0]).toBeCloseTo(2 + HEAD_REPLY_BYTES / 1000, 9);
});

test('a head on the chats costs no stage anything, the mean chat its time, and the way back a row', () => {
  const chat = (id: number, headMs: number) => {
    const plain = device(id, 1, 1000, true);
    return { ...plain, profile: { ...plain.profile, headMs } };
  };
  const asked = problem({ devices: [chat(1, 10), chat(2, 30)], links: allLinks([1, 2], 4), sources: [1, 2], head: 'source' });
  const tables = costTables(asked, [1, 2], { kind: 'token', head: 'source' });
  expect(tables.headMs).toEqual([0, 0]);
  expect(tables.headBytes).toBe(0);
  expect(tables.sourceMs).toBe(20);
  // Embedding and head of the chat itself.
  expect(tables.freeBytes).toEqual([1000 - 50 - 60, 1000 - 50 - 60]);
  // One chat is here, the other two ms away.
  expect(tables.exitMs[0]).toBeCloseTo(1, 3);
});
