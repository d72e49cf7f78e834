import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { WEIGHT_FORMATS } from './formats.ts';
import { matmulKernel } from './matmul.ts';

/** Text as people indent it: the compiler does not care, and the generator leaves it to chance. */
function indented(wgsl: string): string {
  let depth = 0;
  return wgsl
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => {
      const closesFirst = /^[})]/.test(line) ? 1 : 0;
      const printed = '  '.repeat(depth - closesFirst) + line;
      depth += (line.match(/[{(]/g)?.length ?? 0) - (line.match(/[})]/g)?.length ?? 0);
      return printed;
    })
    .join('\n');
}

it('the kernel that docs/engine.md prints is the one that is compiled', () => {
  const page = readFileSync(new URL('../../../../docs/engine.md', import.meta.url), 'utf8');
  const [, printed] = /```wgsl\n([\s\S]*?)\n```/.exec(page) ?? [];
  const tile = { form: 'serial', rows: 1, tokens: 1, threads: 64, reading: 'alone' } as const;
  expect(printed).toBe(indented(matmulKernel(WEIGHT_FORMATS.Q8_0, tile).wgsl));
});
