import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessMemory {
  /** What the process does: `renderer`, `gpu-process`, `browser`. */
  kind: string;
  /** The most that it has held at once, bytes (VmHWM of proc(5)). */
  peakBytes: number;
}

/** Browser processes that descend from this one; the file system `/proc` of Linux tells. The largest first. */
export function browserMemory(): ProcessMemory[] {
  const parents = new Map(processIds().map((pid) => [pid, parentOf(pid)]));
  const isOurs = (pid: number): boolean => pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid)!));
  return [...parents.keys()]
    .filter(isOurs)
    .flatMap(memoryOf)
    .sort((a, b) => b.peakBytes - a.peakBytes);
}

function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readProc(pid, 'status'))?.[1] ?? 0);
}

function memoryOf(pid: number): ProcessMemory[] {
  const command = readProc(pid, 'cmdline').replaceAll('\0', ' ');
  const peakKiB = Number(/^VmHWM:\s+(\d+)/m.exec(readProc(pid, 'status'))?.[1] ?? 0);
  if (!/chrom/i.test(command) || peakKiB === 0) return [];
  return [{ kind: /--type=([\w-]+)/.exec(command)?.[1] ?? 'browser', peakBytes: 1024 * peakKiB }];
}

/** Empty for a process that has ended. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
