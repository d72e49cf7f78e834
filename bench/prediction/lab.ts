import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** An emulated host: how far it is from the others, how fast its line and its processor are. */
export interface HostSpec {
  name: string;
  /** Added to everything that it sends, ms. */
  delayMs: number;
  /** 0 for no limit. */
  rateMbps: number;
  /** Share of one core; null for no limit. */
  cpuShare: number | null;
}

export interface LabHost {
  name: string;
  address: string;
  /** Command and arguments that run the rest of a command line there. */
  runner: readonly string[];
  /** Starts Chromium there, slowed down. */
  browserPath: string;
}

export interface Lab {
  hosts: LabHost[];
  remove(): void;
}

const CPU_CGROUP = '/sys/fs/cgroup/cpu';
const CPU_PERIOD_US = 20_000;
const CHROMIUM = '/usr/bin/chromium';

/** Hosts in network namespaces behind a switch with delays and rates. Needs root, gcc and cgroup v1. */
export async function makeLab(specs: readonly HostSpec[]): Promise<Lab> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeshard-lab-'));
  const program = join(folder, 'switch');
  execFileSync('gcc', ['-O2', '-o', program, fileURLToPath(new URL('./switch.c', import.meta.url))]);
  const prefix = `esl${process.pid}`;
  const taps = specs.map((_, i) => `${prefix}t${i}`);
  const namespaces = specs.map((_, i) => `${prefix}n${i}`);
  for (const [i, tap] of taps.entries()) {
    ip('netns', 'add', namespaces[i]!);
    ip('tuntap', 'add', 'dev', tap, 'mode', 'tap');
  }
  const wires = specs.map(({ delayMs, rateMbps }, i) => `${taps[i]}:${delayMs}:${rateMbps * 1000}`);
  const wire = spawn(program, wires, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(createInterface(wire.stdout), 'line');
  const hosts = specs.map((spec, i) => connect(spec, i, namespaces[i]!, taps[i]!, folder));
  return {
    hosts,
    remove: () => {
      wire.kill();
      for (const namespace of namespaces) {
        ip('netns', 'del', namespace);
        const group = join(CPU_CGROUP, namespace);
        if (existsSync(group)) rmdirSync(group);
      }
      rmSync(folder, { recursive: true });
    },
  };
}

function connect(spec: HostSpec, index: number, namespace: string, tap: string, folder: string): LabHost {
  const address = `10.78.0.${index + 1}`;
  ip('link', 'set', tap, 'netns', namespace);
  ip('netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', tap);
  for (const device of [tap, 'lo']) ip('-n', namespace, 'link', 'set', device, 'up');
  // WebRTC finds an address only on an interface with a default route; the gateway need not exist.
  ip('-n', namespace, 'route', 'add', 'default', 'via', '10.78.0.254');
  const browserPath = join(folder, spec.name);
  const slow = spec.cpuShare === null ? '' : `echo $$ > ${cpuGroup(namespace, spec.cpuShare)}/cgroup.procs\n`;
  writeFileSync(browserPath, `#!/bin/sh\n${slow}exec ip netns exec ${namespace} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
  return { name: spec.name, address, runner: ['ip', 'netns', 'exec', namespace], browserPath };
}

function cpuGroup(name: string, share: number): string {
  const group = join(CPU_CGROUP, name);
  mkdirSync(group);
  writeFileSync(join(group, 'cpu.cfs_period_us'), `${CPU_PERIOD_US}`);
  writeFileSync(join(group, 'cpu.cfs_quota_us'), `${Math.round(CPU_PERIOD_US * share)}`);
  return group;
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
