// Builds what `npm start` and `npm run demo` run, unless the last build is newer than every source file.
import { execSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const STAMP = 'dist/built';
const SOURCES = ['src', 'signaling-server', 'public', 'tools', 'e2e', 'package-lock.json', 'vite.config.ts'];

function newestMs(path) {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  const names = readdirSync(path).filter((name) => name !== 'node_modules');
  return Math.max(0, ...names.map((name) => newestMs(join(path, name))));
}

const builtMs = statSync(STAMP, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (builtMs < Math.max(...SOURCES.map(newestMs))) {
  console.error('Building ...');
  execSync('npm run --silent build', { stdio: ['ignore', 'ignore', 'inherit'] });
  mkdirSync('dist', { recursive: true });
  writeFileSync(STAMP, '');
}
