import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'vite';
import { describe, expect, it } from 'vitest';

/** Which rooms a room may import besides itself. The order counts too: tests may import any room further up. */
const ROOMS: Record<string, string[]> = {
  'shared/errors': [],
  'shared/model': ['shared/errors'],
  'shared/protocol': ['shared/model', 'shared/errors'],
  'shared/planner': ['shared/model', 'shared/errors'],
  gguf: ['shared/errors', 'shared/model'],
  tokenizer: ['gguf', 'shared/model', 'shared/errors'],
  sampling: ['shared/model', 'shared/errors'],
  weights: ['gguf', 'shared/errors', 'shared/model'],
  engine: ['gguf', 'shared/errors', 'shared/model'],
  mesh: ['shared/protocol', 'shared/model', 'shared/errors'],
  pipeline: ['shared/model', 'shared/protocol', 'shared/errors'],
  chat: [
    'workers',
    'weights',
    'engine',
    'pipeline',
    'tokenizer',
    'sampling',
    'gguf',
    'shared/model',
    'shared/protocol',
    'shared/errors',
  ],
  donor: [
    'workers',
    'weights',
    'engine',
    'pipeline',
    'tokenizer',
    'sampling',
    'gguf',
    'shared/model',
    'shared/protocol',
    'shared/errors',
  ],
  workers: ['chat', 'donor', 'weights', 'engine', 'pipeline', 'gguf', 'shared/model', 'shared/protocol', 'shared/errors'],
  room: ['workers', 'mesh', 'shared/model', 'shared/protocol', 'shared/errors'],
  webllm: ['room', 'workers', 'shared/model', 'shared/errors'],
  pages: ['room', 'webllm', 'workers', 'mesh', 'shared/model', 'shared/protocol', 'shared/errors'],
  'signaling-server': ['shared/model', 'shared/protocol', 'shared/planner', 'shared/errors'],
  e2e: [],
  tools: ['*'],
  bench: ['*'],
};

/** Narrower than a room: from these rooms only these files of another, and for `pipeline` only their types. */
const DOORS: Record<string, { into: string; through: string; typesOnly: boolean }[]> = {
  pipeline: [{ into: 'engine', through: 'src/engine/shard-engine.ts', typesOnly: true }],
  room: [{ into: 'workers', through: 'src/workers/(client|messages).ts', typesOnly: false }],
  webllm: [{ into: 'workers', through: 'src/workers/(client|messages).ts', typesOnly: false }],
  pages: [{ into: 'workers', through: 'src/workers/(client|messages).ts', typesOnly: false }],
};

const root = resolve(import.meta.dirname, '..');

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
    expect(files.length).toBeGreaterThan(50);
    expect(imports.length).toBeGreaterThan(100);
  });

  it.each([
    ['src/gguf/header.ts', 'src/engine/shard-engine.ts', true],
    ['src/pipeline/coordinator.ts', 'src/engine/shard-engine.ts', false],
    ['src/pages/chat/main.tsx', 'src/workers/pipeline-worker.ts', false],
    ['e2e/answers.spec.ts', 'src/shared/errors.ts', false],
    ['signaling-server/app.ts', 'src/mesh/mesh.ts', false],
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

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const [here, there] = [roomOf(from), roomOf(to)];
  if (here === there || here === null) return here === there || from === 'src/layering.test.ts';
  if (there === null) return false;
  const allowed = ROOMS[here]!;
  if (allowed.includes('*')) return true;
  const door = DOORS[here]?.find(({ into }) => into === there);
  if (isTest(from)) return here !== 'e2e' && isAbove(there, here);
  if (door) return new RegExp(`^${door.through}$`).test(to) && (typeOnly || !door.typesOnly);
  return allowed.includes(there);
}

function isAbove(there: string, here: string): boolean {
  const order = Object.keys(ROOMS);
  return order.indexOf(there) < order.indexOf(here);
}

/** Tests, and their aids, which are named `test-*.ts`. */
function isTest(file: string): boolean {
  return /(\.test|\/test-[\w-]+)\.tsx?$/.test(file);
}

function roomOf(file: string): string | null {
  const path = file.replace(/^src\//, '').replace(/\.tsx?$/, '');
  return Object.keys(ROOMS).find((room) => path === room || path.startsWith(`${room}/`)) ?? null;
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
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}
