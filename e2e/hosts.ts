import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Three hosts on one machine, as network namespaces: a server in the middle and two devices in networks of their own,
 * joined through it. Multicast does not cross, as on many a Wi-Fi, so that `.local` names resolve nowhere.
 */
export interface Hosts {
  /** Command and arguments that run the rest of a command line on the server's host. */
  onServer: readonly string[];
  devices: Device[];
  remove(): void;
}

export interface Device {
  /** Address at which this device reaches the server. */
  serverAddress: string;
  /** Starts Chromium on this device's host. */
  browserPath: string;
}

const CHROMIUM = '/usr/bin/chromium';

/** Whether this process may make network namespaces. */
export function canMakeHosts(): boolean {
  const probe = `es-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'del', probe);
    return true;
  } catch {
    return false;
  }
}

export function makeHosts(): Hosts {
  const folder = mkdtempSync(join(tmpdir(), 'edgeshard-hosts-'));
  const server = `es-s-${process.pid}`;
  addHost(server);
  const names = [1, 2].map((number) => `es-${number}-${process.pid}`);
  const devices = names.map((name, i) => addDevice(name, server, i + 1, folder));
  ip('netns', 'exec', server, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  return {
    onServer: ['ip', 'netns', 'exec', server],
    devices,
    remove: () => {
      for (const name of [server, ...names]) ip('netns', 'del', name);
      rmSync(folder, { recursive: true });
    },
  };
}

function addDevice(name: string, server: string, number: number, folder: string): Device {
  const [own, far] = [`es${process.pid}d${number}`, `es${process.pid}s${number}`];
  addHost(name);
  ip('link', 'add', own, 'netns', name, 'type', 'veth', 'peer', 'name', far, 'netns', server);
  address(name, own, `10.77.${number}.2/24`);
  address(server, far, `10.77.${number}.1/24`);
  // WebRTC finds an address only on an interface with a default route.
  ip('-n', name, 'route', 'add', 'default', 'via', `10.77.${number}.1`);
  const browserPath = join(folder, name);
  writeFileSync(browserPath, `#!/bin/sh\nexec ip netns exec ${name} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
  return { serverAddress: `10.77.${number}.1`, browserPath };
}

function addHost(name: string): void {
  ip('netns', 'add', name);
  ip('netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
  ip('-n', name, 'link', 'set', 'lo', 'up');
}

function address(host: string, device: string, cidr: string): void {
  ip('-n', host, 'addr', 'add', cidr, 'dev', device);
  ip('-n', host, 'link', 'set', device, 'up');
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' });
}
