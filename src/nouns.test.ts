import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const sources = ['src', 'signaling-server'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(({ name }) => /\.tsx?$/.test(name) && !/\.test\.tsx?$/.test(name))
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8')),
);

/** How often a type or constant of this name is declared. */
function declarations(name: string): number {
  const declared = new RegExp(`^(?:export )?(?:interface|type|class|const) ${name}\\b`, 'gm');
  return sources.reduce((sum, text) => sum + (text.match(declared)?.length ?? 0), 0);
}

it.each([
  'ChatMessage',
  'DeviceProfile',
  'HeadAsk',
  'HeadRow',
  'LayerRange',
  'LinkMeasure',
  'LinkState',
  'LoadProgress',
  'ModelSpec',
  'Plan',
  'Prediction',
  'RoomSettings',
  'ShardParts',
  'Stage',
  'HEAD_TOP',
  'MAX_LAYERS',
  'PREFILL_CHUNK_ROWS',
  'WEIGHT_PIECE_BYTES',
])('%s is declared once', (name) => {
  expect(declarations(name)).toBe(1);
});

it.each(['ChatTurn', 'LinkView', 'LogitsRow', 'PromptMessage', 'ReplyRow', 'StoredParts', 'roomBytes'])(
  '%s is another name of something, and is gone',
  (name) => {
    expect(sources.filter((text) => new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
  },
);
