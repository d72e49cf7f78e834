import { expect, it } from 'vitest';
import type { ChatMessage } from '../shared/model/chat-message.ts';
import { fitTurns } from './fit-turns.ts';

const turn = (role: ChatMessage['role'], length: number): ChatMessage => ({ role, content: 'x'.repeat(length) });
/** One token a character. */
const render = async (turns: readonly ChatMessage[]) => turns.flatMap(({ content }) => Array<number>(content.length).fill(1));

it.each<[string, ChatMessage[], number, number]>([
  ['everything when it fits', [turn('user', 5), turn('assistant', 5), turn('user', 5)], 15, 15],
  ['no older question and answer', [turn('user', 5), turn('assistant', 5), turn('user', 4)], 10, 4],
  ['the system text in any case', [turn('system', 3), turn('user', 5), turn('assistant', 5), turn('user', 4)], 10, 7],
  [
    'only as little left out as need be',
    [turn('user', 5), turn('assistant', 5), turn('user', 2), turn('assistant', 2), turn('user', 2)],
    10,
    6,
  ],
  ['the last question even when it is too long', [turn('user', 5), turn('assistant', 5), turn('user', 40)], 10, 40],
])('keeps %s', async (_what, turns, limit, kept) => {
  expect(await fitTurns(turns, limit, render)).toHaveLength(kept);
});
