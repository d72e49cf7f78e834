import { expect, test } from 'vitest';
import { renderMarkdown } from './markdown.ts';

function html(markdown: string): string {
  const place = document.createElement('div');
  place.append(renderMarkdown(markdown));
  return place.innerHTML;
}

test('markdown becomes headings, lists, code and tables', () => {
  expect(html('# Title')).toContain('<h1>Title</h1>');
  expect(html('- one\n- two')).toContain('<li>one</li>');
  expect(html('`a < b`')).toContain('<code>a &lt; b</code>');
  expect(html('|a|b|\n|-|-|\n|1|2|')).toContain('<td>1</td>');
  expect(html('one\ntwo')).toContain('<br>');
});

test.each([
  '<img src=x onerror="window.hacked = true">',
  '<script>window.hacked = true</script>',
  '<svg onload="window.hacked = true"></svg>',
  '<iframe srcdoc="<script>parent.hacked = true</script>"></iframe>',
  '<style>body { display: none }</style>',
  '<form action="https://evil.example"><input name=a></form>',
  '<details open ontoggle="window.hacked = true">x</details>',
  'text <b onclick="window.hacked = true">bold</b>',
])('HTML in an answer is shown as text: %s', (text) => {
  const place = document.createElement('div');
  document.body.append(place);
  place.append(renderMarkdown(text));
  expect(place.querySelector('img, script, svg, iframe, style, form, input, details, b, [onclick], [onerror]')).toBeNull();
  expect(place.textContent?.trim()).toBe(text);
  expect('hacked' in window).toBe(false);
  place.remove();
});

test.each([
  '[a](javascript:alert(1))',
  '[a](JaVaScRiPt:alert(1))',
  '[a](java&#10;script:alert(1))',
  '[a](data:text/html,<script>alert(1)</script>)',
  '[a](vbscript:x)',
  '[a](file:///etc/passwd)',
  '<javascript:alert(1)>',
])('a link that would run something leads nowhere: %s', (text) => {
  const links = [...renderMarkdown(text).querySelectorAll('a')];
  expect(links.every((link) => !link.hasAttribute('href'))).toBe(true);
});

test('a link opens elsewhere and tells nothing about this page', () => {
  const link = renderMarkdown('[site](https://example.org/)').querySelector('a');
  expect(link?.href).toBe('https://example.org/');
  expect(link?.target).toBe('_blank');
  expect(link?.rel).toBe('noopener noreferrer nofollow');
});

test('an image is not loaded: its address could carry the conversation away', () => {
  const fragment = renderMarkdown('![a fox](https://evil.example/?secret) and ![](https://evil.example/b)');
  expect(fragment.querySelector('img')).toBeNull();
  expect(fragment.textContent).toContain('a fox and https://evil.example/b');
});

test('half an answer is drawn as well as a whole one', () => {
  for (const text of ['', '**bo', '```js\nlet', '[link](http', '| a | b', '<di'])
    expect(() => renderMarkdown(text)).not.toThrow();
});
