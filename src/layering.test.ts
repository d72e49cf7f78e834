import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'vite';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');

/** What one room may import: a whole room, or one file of it. */
interface Door {
  path: string;
  typesOnly: boolean;
}
const ANYTHING = 'anything';
/** By room, in the order of the table: what stands further up is below. */
const TABLE = readTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'));

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

const folders = ['src', 'signaling-server', 'e2e', 'bench', 'tools'].filter((folder) => existsSync(join(root, folder)));
const files = folders.flatMap(sourceFiles);
const imports = files.flatMap(importsOf);

describe('the rooms of the house', () => {
  it('are found', () => {
    expect([...TABLE.keys()]).toHaveLength(21);
    expect(files.length).toBeGreaterThan(50);
    expect(imports.length).toBeGreaterThan(100);
  });

  it.each([
    ['src/gguf/header.ts', 'src/engine/shard-engine.ts', true],
    ['src/pipeline/coordinator.ts', 'src/engine/shard-engine.ts', false],
    ['src/pages/chat/main.tsx', 'src/workers/pipeline-worker.ts', false],
    ['e2e/answers.spec.ts', 'src/shared/errors.ts', false],
    ['signaling-server/app.ts', 'src/mesh/mesh.ts', false],
    ['src/pipeline/coordinator.ts', 'src/pipeline/testing/room.ts', true],
  ])('are told when %s imports %s', (from, to, typeOnly) => {
    expect(isAllowed({ from, to, typeOnly })).toBe(false);
  });

  it('import only what the table allows', () => {
    expect(imports.filter((one) => !isAllowed(one)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  it('have no import cycle, tests and types included', () => {
    expect(findCycle()).toBeNull();
  });
});

function readTable(page: string): ReadonlyMap<string, Door[]> {
  const section = page.split('\n## ').find((part) => part.startsWith('Who may import whom'));
  const rows = section?.match(/^\| [a-z][^|]* \| [^|]* \|$/gm)?.slice(1) ?? [];
  return new Map(
    rows.map((row) => {
      const [room, doors] = row
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim());
      return [room!, doors === 'nothing' ? [] : doors!.split(', ').map(readDoor)];
    }),
  );
}

function readDoor(text: string): Door {
  const types = ' (types)';
  return { path: text.replace(types, ''), typesOnly: text.endsWith(types) };
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here !== null && isTestHelper(to) && !isTest(from)) return TABLE.get(here)!.some(({ path }) => path === ANYTHING);
  if (here === there || here === null) return here === there || from === 'src/layering.test.ts';
  if (there === null) return false;
  if (isTest(from)) return here !== 'e2e' && isAbove(there, here);
  return TABLE.get(here)!.some(
    ({ path, typesOnly }) => path === ANYTHING || (isWithin(pathOf(to), path) && (typeOnly || !typesOnly)),
  );
}

function isAbove(there: string, here: string): boolean {
  const order = [...TABLE.keys()];
  return order.indexOf(there) < order.indexOf(here);
}

/** Tests, and what helps them. */
function isTest(file: string): boolean {
  return /\.test\.tsx?$/.test(file) || isTestHelper(file);
}

function isTestHelper(file: string): boolean {
  return file.includes('/testing/');
}

function roomOf(file: string): string | null {
  return [...TABLE.keys()].find((room) => isWithin(pathOf(file), room)) ?? null;
}

function pathOf(file: string): string {
  return file.replace(/^src\//, '').replace(/\.tsx?$/, '');
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function findCycle(): string[] | null {
  const next = new Map<string, Import[]>();
  for (const one of imports) next.set(one.from, [...(next.get(one.from) ?? []), one]);
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const { to } of next.get(file) ?? []) {
      const cycle = visit(to, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return null;
  };
  for (const file of files) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return null;
}

function importsOf(file: string): Import[] {
  const { module, errors } = parseSync(file, readFileSync(join(root, file), 'utf8'));
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  const found = module.staticImports.map(({ moduleRequest, entries }) => ({
    target: moduleRequest.value,
    typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
  }));
  const reexported = module.staticExports.flatMap(({ entries }) =>
    entries.flatMap(({ moduleRequest, isType }) => (moduleRequest ? [{ target: moduleRequest.value, typeOnly: isType }] : [])),
  );
  return [...found, ...reexported]
    .filter(({ target }) => target.startsWith('.') && /\.tsx?$/.test(target))
    .map(({ target, typeOnly }) => ({ from: file, to: relative(root, resolve(root, dirname(file), target)), typeOnly }));
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !/node_modules|\/assembly$/.test(entry.parentPath))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
