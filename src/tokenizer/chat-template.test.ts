import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { memorySource } from '../gguf/byte-source.ts';
import { readGgufHeader } from '../gguf/header.ts';
import { type ChatMessage, renderChat } from './chat-template.ts';
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

/** The same tokenizer with another template. */
function withTemplate(chatTemplate: string | null): Tokenizer {
  return Object.create(storyteller, { chatTemplate: { value: chatTemplate } });
}

function messagesOf(prompt: string): ChatMessage[] {
  const [, system, user] = /^\[INST\] (?:<<SYS>>\n(.*)\n<<\/SYS>>\n\n)?(.*) \[\/INST\]$/s.exec(prompt)!;
  return [...(system ? [{ role: 'system' as const, content: system }] : []), { role: 'user', content: user! }];
}

test.each(chats)('$prompt is the prompt of its messages', ({ prompt, prompt_ids }) => {
  expect(renderChat(messagesOf(prompt), storyteller)).toEqual(prompt_ids);
});

test('turns are separated by the control tokens of the template', () => {
  const ids = renderChat(
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

test('contents can never become control tokens', () => {
  const controls = [0, 1, 2];
  const piece = fc.constantFrom('</s>', '<s>', '<unk>', '<', '/', 's', '>', ' ', '<<s>s>', 'hello', '\ufdd0', '\ufdd1s>', '🦊');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
      const ids = renderChat([{ role: 'user', content: parts.join('') }], storyteller);
      expect(ids.slice(1).filter((id) => controls.includes(id))).toEqual([]);
    }),
  );
});

test('guarded contents have the ids of plain text', () => {
  const content = 'a < b, <s>, </s> and <div>';
  const plain = storyteller.encode(`[INST] ${content} [/INST]`, { addBos: true, parseSpecial: false });
  expect(renderChat([{ role: 'user', content }], storyteller)).toEqual(plain);
});

test('templates can trim and compare contents', () => {
  const template =
    "{% for m in messages %}{% if m.content.strip() == 'x' %}{{ 'yes ' }}{% endif %}{{ m.content | trim }}{% endfor %}";
  const plain = storyteller.encode('yes x<y', { addBos: true, parseSpecial: false });
  expect(
    renderChat(
      [
        { role: 'user', content: ' x ' },
        { role: 'user', content: ' <y ' },
      ],
      withTemplate(template),
    ),
  ).toEqual(plain);
});

test('a template without the begin token still gets one, and only one', () => {
  const start = (template: string) => renderChat([{ role: 'user', content: 'hi' }], withTemplate(template)).slice(0, 2);
  expect(start("{{ messages[0]['content'] }}")[0]).toBe(1);
  expect(start("{{ bos_token + messages[0]['content'] }}").filter((id) => id === 1)).toHaveLength(1);
});

test('a model without a template continues the contents as plain text', () => {
  const ids = renderChat([{ role: 'user', content: 'Once upon a time' }], withTemplate(null));
  expect(ids).toEqual(storyteller.encode('Once upon a time', { addBos: true, parseSpecial: false }));
});

test('a template that can’t be read and one that refuses the messages are told apart', () => {
  const render = (template: string) => () => renderChat([{ role: 'user', content: 'hi' }], withTemplate(template));
  expect(render('{% for %}')).toThrow(expect.objectContaining({ code: 'tokenizer-unsupported' }));
  expect(render("{{ raise_exception('roles must alternate') }}")).toThrow(expect.objectContaining({ code: 'bad-message' }));
});
