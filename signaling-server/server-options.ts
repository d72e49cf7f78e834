import { parseArgs } from 'node:util';
import { AppError } from '../src/shared/errors.ts';
import type { TransportName } from './app.ts';

/** What the command line asks for. */
export interface ServerOptions {
  /** Null: plain HTTP for this machine only, HTTPS for everybody on the network. */
  host: string | null;
  port: number;
  /** Null: no HTTPS. */
  httpsPort: number | null;
  stunPort: number;
  cert: string | null;
  key: string | null;
  iceUrls: string[];
  transports: TransportName[];
  modelsDir: string | null;
  logFile: string | null;
  json: boolean;
}

export const USAGE = `Usage: npm start -- [options]
  --host ADDRESS       listen there, with and without TLS (default: localhost without TLS, every address with it)
  --port N             port without TLS, 0 for any free one (default 8080)
  --https-port N       port with TLS (default 8443)
  --no-https           no TLS: other devices then have no WebGPU
  --cert FILE --key FILE   your own certificate instead of a self-made one
  --stun-port N        UDP port of the address service (default 3478, another if it is taken)
  --ice URL            STUN or TURN for the tabs instead of this server's; may be repeated
  --transports LIST    polling,websocket (default: both)
  --models DIR         a further folder of models, served under /models/
  --log FILE           one line of JSON for each request of a model
  --json               print the ports as one line of JSON instead of the welcome`;

/** @throws AppError `bad-message` for an unknown option or a value out of its range. */
export function parseServerOptions(args: readonly string[]): ServerOptions {
  const values = parsedValues(args);
  if ((values.cert === undefined) !== (values.key === undefined)) throw badOption('--cert and --key go together');
  return {
    host: values.host ?? null,
    port: port('--port', values.port),
    httpsPort: values['no-https'] ? null : port('--https-port', values['https-port']),
    stunPort: port('--stun-port', values['stun-port']),
    cert: values.cert ?? null,
    key: values.key ?? null,
    iceUrls: values.ice.map(iceUrl),
    transports: transports(values.transports),
    modelsDir: values.models ?? null,
    logFile: values.log ?? null,
    json: values.json,
  };
}

function parsedValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        host: { type: 'string' },
        port: { type: 'string', default: '8080' },
        'https-port': { type: 'string', default: '8443' },
        'no-https': { type: 'boolean', default: false },
        'stun-port': { type: 'string', default: '3478' },
        cert: { type: 'string' },
        key: { type: 'string' },
        ice: { type: 'string', multiple: true, default: [] },
        transports: { type: 'string', default: 'polling,websocket' },
        models: { type: 'string' },
        log: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    throw badOption(error instanceof Error ? error.message : String(error));
  }
}

function port(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw badOption(`${name} takes a port from 0 to 65535, not ${text}`);
  return value;
}

function iceUrl(url: string): string {
  if (!/^(stun|stuns|turn|turns):\S+$/.test(url)) throw badOption(`--ice takes a stun: or turn: URL, not ${url}`);
  return url;
}

function transports(list: string): TransportName[] {
  return list.split(',').map((name) => {
    if (name !== 'polling' && name !== 'websocket') throw badOption(`--transports takes polling and websocket, not ${name}`);
    return name;
  });
}

function badOption(message: string): AppError {
  return new AppError('bad-message', message);
}
