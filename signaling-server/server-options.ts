import { parseArgs } from 'node:util';
import { AppError } from '../src/shared/errors.ts';
import type { TransportName } from './app.ts';
import { isIceUrl, isTurn, type NamedIce, type TurnAccess } from './ice.ts';

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
  ice: NamedIce;
  transports: TransportName[];
  trustProxy: boolean;
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
  --ice-user NAME --ice-credential WORD   user of the TURN servers
  --ice-secret WORD    or the secret shared with coturn (static-auth-secret): each tab gets a user that expires
  --trust-proxy        take who asks from the last entry of X-Forwarded-For, as a proxy in front of this server sets it
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
    ice: namedIce(values),
    transports: transports(values.transports),
    trustProxy: values['trust-proxy'],
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
        'ice-user': { type: 'string' },
        'ice-credential': { type: 'string' },
        'ice-secret': { type: 'string' },
        'trust-proxy': { type: 'boolean', default: false },
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

type Values = ReturnType<typeof parsedValues>;

/** With a longer one a browser makes no connection at all. */
const MAX_TURN_NAME_BYTES = 509;

/** A tab that gets one bad entry makes no connection at all, so that nothing bad gets beyond here. */
function namedIce(values: Values): NamedIce {
  for (const url of values.ice) {
    if (!isIceUrl(url)) throw badOption(`--ice takes stun:HOST:PORT or turn:HOST:PORT?transport=udp, not ${url}`);
  }
  const turn = turnAccess(values);
  const hasTurn = values.ice.some(isTurn);
  if (hasTurn && !turn) throw badOption('a turn: address needs --ice-user and --ice-credential, or --ice-secret');
  if (turn && !hasTurn)
    throw badOption('--ice-user, --ice-credential and --ice-secret are for a turn: address, and none is named');
  return { urls: values.ice, turn };
}

function turnAccess(values: Values): TurnAccess | null {
  const { 'ice-user': username, 'ice-credential': credential, 'ice-secret': secret } = values;
  if ((username === undefined) !== (credential === undefined)) throw badOption('--ice-user and --ice-credential go together');
  if (secret !== undefined && username !== undefined) throw badOption('--ice-secret makes users itself: leave --ice-user out');
  if ([username, credential, secret].includes(''))
    throw badOption('--ice-user, --ice-credential and --ice-secret may not be empty');
  if (Buffer.byteLength(username ?? '') > MAX_TURN_NAME_BYTES)
    throw badOption(`--ice-user may have ${MAX_TURN_NAME_BYTES} bytes, as browsers allow`);
  if (secret !== undefined) return { secret };
  return username === undefined || credential === undefined ? null : { username, credential };
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
