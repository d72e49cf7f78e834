import { describe, expect, it } from 'vitest';
import { settingsOf, turnsOf } from './chat-request.ts';

const messages = [{ role: 'user' as const, content: 'hello' }];

describe('a request as for WebLLM', () => {
  it('is understood with all its sampling fields', () => {
    const request = { messages, temperature: 0.5, top_p: 0.9, max_tokens: 7, seed: 3, stop: 'END', logit_bias: { '5': -100 } };
    expect(settingsOf({ ...request, frequency_penalty: 0.1, presence_penalty: 0.2, repetition_penalty: 1.1 })).toEqual({
      temperature: 0.5,
      topP: 0.9,
      maxTokens: 7,
      seed: 3,
      stop: ['END'],
      logitBias: { 5: -100 },
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      repetitionPenalty: 1.1,
      topLogprobs: null,
    });
  });

  it.each([
    [{ logprobs: true }, 0],
    [{ logprobs: true, top_logprobs: 5 }, 5],
    [{ logprobs: false }, null],
  ])('says how many likely tokens to tell of: %j', (field, count) => {
    expect(settingsOf({ messages, ...field }).topLogprobs).toBe(count);
  });

  it.each([
    [{ temperature: 3 }, /temperature is 3; allowed are 0 to 2/],
    [{ max_tokens: 0 }, /max_tokens is 0/],
    [{ n: 2 }, /one answer at a time/],
    [{ logprobs: true, top_logprobs: 6 }, /top_logprobs is 6; allowed are 0 to 5/],
    [{ top_logprobs: 2 }, /only for requests with logprobs/],
    [{ response_format: { type: 'json_object' as const } }, /response_format is not supported/],
  ])('is refused rather than misunderstood: %j', (field, message) => {
    expect(() => settingsOf({ messages, ...field })).toThrow(message);
  });

  it('may have its text in parts, but no images', () => {
    expect(
      turnsOf([
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
      ]),
    ).toEqual([{ role: 'user', content: 'ab' }]);
    expect(() => turnsOf([{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }])).toThrow(/text only/);
    expect(() => turnsOf([{ role: 'tool', content: 'x', tool_call_id: '1' }])).toThrow(/tool messages/);
  });
});
