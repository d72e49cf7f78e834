import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** One request of a model file, as the server logged it. */
export interface ModelRequest {
  model: string;
  /** The Range header, `bytes=0-99`; null without one. */
  range: string | null;
  status: number;
  bytes: number;
  /** Room code and number of the device, `ABCDE-3`. */
  device: string | null;
}

export interface Server {
  /** Of the pages; WebGPU works there, as localhost counts as secure. */
  url: string;
  port: number;
  /** Of the server's own process, where nothing else runs it. */
  pid: number;
  modelRequests(): Promise<ModelRequest[]>;
  stop(): Promise<void>;
  /** As a power cut ends it: nobody is told. */
  kill(): Promise<void>;
}

/**
 * Starts the built server on a free port.
 * @param serverFile path of the bundle
 * @param runner command and arguments that run the rest of a command line, somewhere else perhaps
 */
export async function startServer(
  serverFile: string,
  args: readonly string[] = [],
  runner: readonly string[] = [],
): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'edgeshard-'));
  const log = join(folder, 'requests.log');
  const fixed = ['--port', '0', '--no-https', '--stun-port', '0', '--log', log, '--json'];
  const [command, ...rest] = [...runner, process.execPath, serverFile, ...fixed, ...args];
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const firstLine = once(createInterface(child.stdout), 'line');
  const started = await Promise.race([firstLine, exited]);
  if (typeof started[0] !== 'string') throw new Error(`the server ended with exit code ${started[0]}`);
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    child.kill(signal);
    await exited;
    await rm(folder, { recursive: true });
  };
  const { httpPort } = JSON.parse(started[0]) as { httpPort: number };
  return {
    url: `http://localhost:${httpPort}`,
    port: httpPort,
    pid: child.pid!,
    modelRequests: async () =>
      (await readFile(log, 'utf8'))
        .split('\n')
        .filter(Boolean)
        .map(parseRequest)
        .filter((one) => one !== null),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}

function parseRequest(line: string): ModelRequest | null {
  const entry = JSON.parse(line) as ModelRequest & { msg: string };
  return entry.msg === 'model request' ? entry : null;
}
