import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8');
const [lightCss = '', darkCss = ''] = css.split('@media (prefers-color-scheme: dark)');
const light = coloursOf(lightCss);
const schemes = { light, dark: { ...light, ...coloursOf(darkCss) } };

const TEXT_ON: [text: string, background: string][] = [
  ...['background', 'surface', 'accent-soft', 'code-surface'].map((on): [string, string] => ['text', on]),
  ...['background', 'surface'].flatMap((on): [string, string][] => ['muted', 'accent', 'danger'].map((text) => [text, on])),
  ['on-accent', 'accent'],
  ['error-text', 'error-surface'],
  ...Array.from({ length: 8 }, (_, i): [string, string] => ['stage-text', `stage-${i}`]),
];

function coloursOf(text: string): Record<string, string> {
  return Object.fromEntries([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [darker = 0, lighter = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (lighter + 0.05) / (darker + 0.05);
}

for (const [scheme, colours] of Object.entries(schemes)) {
  test.each(TEXT_ON)(`${scheme}: %s reads well on %s`, (text, background) => {
    expect(contrast(colours[text]!, colours[background]!)).toBeGreaterThanOrEqual(4.5);
  });

  test.each(['background', 'surface'])(`${scheme}: the border of a control stands out from %s`, (background) => {
    expect(contrast(colours['control-line']!, colours[background]!)).toBeGreaterThanOrEqual(3);
  });
}
