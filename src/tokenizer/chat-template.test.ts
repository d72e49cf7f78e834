import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memorySource } from '../gguf/byte-source.ts';
import { readGgufHeader } from '../gguf/header.ts';
import type { ChatMessage } from '../shared/model/chat-message.ts';
import { renderChat as renderChatWith } from './chat-template.ts';
import { renderTemplate } from './render-template.ts';
import { createTokenizer, type Tokenizer } from './tokenizer.ts';

const fromRoot = (path: string) => readFile(new URL(`../../${path}`, import.meta.url));
const storyteller = createTokenizer(
  await readGgufHeader(memorySource(await fromRoot('public/models/storyteller-1.7m-q8_0.gguf'))),
);

interface Oracle {
  results: { prompts: { kind: string; prompt: string; prompt_ids: number[] }[] }[];
}
const oracle = JSON.parse((await fromRoot('e2e/fixtures/oracle.json')).toString()) as Oracle;
const chats = oracle.results[0]!.prompts.filter(({ kind }) => kind === 'chat');

const renderChat = (messages: readonly ChatMessage[], tokenizer: Tokenizer) =>
  renderChatWith(messages, tokenizer, renderTemplate);

/** The same tokenizer with another template. */
function withTemplate(chatTemplate: string | null): Tokenizer {
  return Object.create(storyteller, { chatTemplate: { value: chatTemplate } });
}

function messagesOf(prompt: string): ChatMessage[] {
  const [, system, user] = /^\[INST\] (?:<<SYS>>\n(.*)\n<<\/SYS>>\n\n)?(.*) \[\/INST\]$/s.exec(prompt)!;
  return [...(system ? [{ role: 'system' as const, content: system }] : []), { role: 'user', content: user! }];
}

test.each(chats)('$prompt is the prompt of its messages', async ({ prompt, prompt_ids }) => {
  expect(await renderChat(messagesOf(prompt), storyteller)).toEqual(prompt_ids);
});

test('turns are separated by the control tokens of the template', async () => {
  const ids = await renderChat(
    [
      { role: 'user', content: 'Hello!' },
      { role: 'assistant', content: 'Hi!' },
      { role: 'user', content: 'Thank you!' },
    ],
    storyteller,
  );
  const text = '<s>[INST] Hello! [/INST] Hi!</s><s>[INST] Thank you! [/INST]';
  expect(ids).toEqual(storyteller.encode(text, { addBos: false, parseSpecial: true }));
  expect(ids.filter((id) => id === 1)).toHaveLength(2);
});

test('contents can never become control tokens', async () => {
  const controls = [0, 1, 2];
  const piece = fc.constantFrom('</s>', '<s>', '<unk>', '<', '/', 's', '>', ' ', '<<s>s>', 'hello', '\ufdd0', '\ufdd1s>', '🦊');
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (parts) => {
      const ids = await renderChat([{ role: 'user', content: parts.join('') }], storyteller);
      expect(ids.slice(1).filter((id) => controls.includes(id))).toEqual([]);
    }),
  );
});

test('guarded contents have the ids of plain text', async () => {
  const content = 'a < b, <s>, </s> and <div>';
  const plain = storyteller.encode(`[INST] ${content} [/INST]`, { addBos: true, parseSpecial: false });
  expect(await renderChat([{ role: 'user', content }], storyteller)).toEqual(plain);
});

test('templates can trim and compare contents', async () => {
  const template =
    "{% for m in messages %}{% if m.content.strip() == 'x' %}{{ 'yes ' }}{% endif %}{{ m.content | trim }}{% endfor %}";
  const plain = storyteller.encode('yes x<y', { addBos: true, parseSpecial: false });
  expect(
    await renderChat(
      [
        { role: 'user', content: ' x ' },
        { role: 'user', content: ' <y ' },
      ],
      withTemplate(template),
    ),
  ).toEqual(plain);
});

test('a template without the begin token still gets one, and only one', async () => {
  const start = async (template: string) =>
    (await renderChat([{ role: 'user', content: 'hi' }], withTemplate(template))).slice(0, 2);
  expect((await start("{{ messages[0]['content'] }}"))[0]).toBe(1);
  expect((await start("{{ bos_token + messages[0]['content'] }}")).filter((id) => id === 1)).toHaveLength(1);
});

test('a model without a template continues the contents as plain text', async () => {
  const ids = await renderChat([{ role: 'user', content: 'Once upon a time' }], withTemplate(null));
  expect(ids).toEqual(storyteller.encode('Once upon a time', { addBos: true, parseSpecial: false }));
});

test.each([
  ['that can’t be read', '{% for %}', 'tokenizer-unsupported'],
  ['that refuses the messages', "{{ raise_exception('roles must alternate') }}", 'bad-message'],
  [
    'that makes far too much of them',
    "{% set ns = namespace(x='12345678') %}{% for i in range(20) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    'bad-message',
  ],
])('a template %s is told as that', async (_, template, code) => {
  await expect(renderChat([{ role: 'user', content: 'hi' }], withTemplate(template))).rejects.toMatchObject({ code });
});
