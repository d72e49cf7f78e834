import { afterEach, expect, test } from 'vitest';
import { TemplateRenderer } from './template-renderer.ts';

const CONTENT = "{{ messages[0]['content'] }}";
const ENDLESS = '{% for a in range(1000000) %}{% for b in range(1000000) %}{% endfor %}{% endfor %}';
const values = { messages: [{ role: 'user', content: 'hi' }], bos_token: '<s>', eos_token: '</s>', add_generation_prompt: true };

let stop = new AbortController();
afterEach(() => {
  stop.abort();
  stop = new AbortController();
});

test('a template that loops for ever is given up, and the next conversation is rendered', async () => {
  const renderer = new TemplateRenderer(stop.signal);
  expect(await renderer.render(CONTENT, values)).toBe('hi');
  await expect(renderer.render(ENDLESS, values, 50)).rejects.toMatchObject({
    code: 'tokenizer-unsupported',
    message: "the model's chat template was not done with this conversation after 0.05 s",
  });
  expect(await renderer.render(CONTENT, values)).toBe('hi');
});

test('what a template refuses is told, and its worker goes on', async () => {
  const renderer = new TemplateRenderer(stop.signal);
  const refused = renderer.render("{{ raise_exception('roles must alternate') }}", values);
  await expect(refused).rejects.toMatchObject({ code: 'bad-message', message: expect.stringContaining('roles must alternate') });
  expect(await renderer.render(CONTENT, values)).toBe('hi');
});

test('closing the model ends a template at once, and nothing is rendered after it', async () => {
  const renderer = new TemplateRenderer(stop.signal);
  const endless = renderer.render(ENDLESS, values);
  stop.abort();
  await expect(endless).rejects.toMatchObject({ code: 'stopped' });
  await expect(renderer.render(CONTENT, values)).rejects.toMatchObject({ code: 'stopped' });
});
