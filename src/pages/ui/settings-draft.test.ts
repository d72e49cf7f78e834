import { expect, test } from 'vitest';
import { DEFAULT_SETTINGS } from '../../shared/model/room-settings.ts';
import { draftOf, readDraft } from './settings-draft.ts';

const ORIGIN = 'https://room.example';
const blank = draftOf(DEFAULT_SETTINGS);

test('an untouched form keeps the settings', () => {
  expect(readDraft(blank, ORIGIN)).toEqual({ ok: true, settings: DEFAULT_SETTINGS });
  const chosen = {
    modelUrl: 'https://models.example/a.gguf',
    contextLength: 512,
    wireDtype: 'f16',
    objective: 'throughput',
    sourceLayers: 1,
    headOnSource: true,
  } as const;
  expect(readDraft(draftOf(chosen), ORIGIN)).toEqual({ ok: true, settings: chosen });
});

test('a model on this server stays relative, so that devices under another address of it find it', () => {
  expect(readDraft({ ...blank, model: ' https://room.example/models/b.gguf ' }, ORIGIN)).toMatchObject({
    settings: { modelUrl: '/models/b.gguf' },
  });
  expect(readDraft({ ...blank, model: '/models/b.gguf' }, ORIGIN)).toMatchObject({ settings: { modelUrl: '/models/b.gguf' } });
});

test.each(['javascript:alert(1)', 'file:///etc/passwd', 'https://'])('%s is no model address', (model) => {
  expect(readDraft({ ...blank, model }, ORIGIN)).toMatchObject({ ok: false, field: 'model' });
});

test.each(['15', '131073', '12.5', 'many', '-100'])('a context of %s is refused with what is allowed', (context) => {
  const reading = readDraft({ ...blank, context }, ORIGIN);
  expect(reading).toMatchObject({ ok: false, field: 'context', message: expect.stringContaining('16 to 131072') });
});
