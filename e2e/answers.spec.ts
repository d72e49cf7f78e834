import { expect } from '@playwright/test';
import { expectedAnswers, firstDifference, NEAR_TIE, questionOf } from './references.ts';
import { test } from './room-test.ts';
import { ask, createRoom, openDonors, waitForStages } from './tabs.ts';

const DEFAULT_FILE = 'storyteller-1.7m-q8_0.gguf';
const FILES = [DEFAULT_FILE, 'storyteller-1.7m-q4_0.gguf', 'storyteller-1.7m-f16.gguf', 'storyteller-1.7m-f32.gguf'];
const engine = 'webgpu';

for (const file of FILES) {
  test(`a chat and three donors answer every reference prompt of ${file} token for token`, async ({ lab, server }) => {
    test.setTimeout(300_000);
    const chat = await createRoom(lab, server.url, { engine, donate: false }, { modelUrl: `/models/${file}` });
    await openDonors(lab, server.url, chat, [3, 3, 2], { engine });
    await waitForStages(chat.page, 3);
    for (const { prompt, promptIds, ids } of expectedAnswers.filter((one) => one.file === file)) {
      const answer = await ask(chat.page, questionOf(prompt));
      expect(answer.promptIds, prompt).toEqual(promptIds);
      expect(answer.ids, prompt).toEqual(ids);
      const difference = firstDifference(file, prompt, answer.ids);
      if (difference) {
        const { step, margin } = difference;
        test.info().annotations.push({ type: 'near tie', description: `${prompt}: step ${step}, margin ${margin}` });
        expect(margin, `${prompt}: first different at step ${step}`).toBeLessThan(NEAR_TIE);
      }
    }
  });
}

for (const layers of [[8], [4, 4], [3, 3, 2], [2, 2, 2, 2]]) {
  test(`${layers.length} stages give the same tokens`, async ({ lab, server }) => {
    const chat = await createRoom(lab, server.url, { engine, donate: false });
    await openDonors(lab, server.url, chat, layers, { engine });
    await waitForStages(chat.page, layers.length);
    const prompts = expectedAnswers.filter(({ file }) => file === DEFAULT_FILE).slice(4, 7);
    for (const { prompt, ids } of prompts) expect((await ask(chat.page, questionOf(prompt))).ids, prompt).toEqual(ids);
  });
}

test('an answer comes with the chances of its tokens, where they are asked for', async ({ lab, server }) => {
  const chat = await createRoom(lab, server.url, { engine, donate: false });
  await openDonors(lab, server.url, chat, [4, 4], { engine });
  await waitForStages(chat.page, 2);
  const told = await chat.page.evaluate(async () => {
    const { pool } = (globalThis as unknown as { edgeshard: { pool: WithLogprobs } }).edgeshard;
    const messages = [{ role: 'user', content: 'Tell me a story about a fox' }];
    const asked = { messages, max_tokens: 6, temperature: 0, logprobs: true, top_logprobs: 3 };
    return (await pool.chat.completions.create(asked)).choices[0]!.logprobs.content;
  });
  expect(told).toHaveLength(6);
  for (const { token, logprob, top_logprobs: top } of told) {
    expect(top).toHaveLength(3);
    expect(top[0]).toMatchObject({ token, logprob });
    const share = top.reduce((sum, one) => sum + Math.exp(one.logprob), 0);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThanOrEqual(1);
  }
});

interface WithLogprobs {
  chat: { completions: { create(request: object): Promise<{ choices: { logprobs: { content: Told[] } }[] }> } };
}

interface Told {
  token: string;
  logprob: number;
  top_logprobs: { token: string; logprob: number }[];
}
