import { parseArgs } from 'node:util';
import { AppError } from '../src/shared/errors.ts';
import type { TransportName } from './app.ts';
import type { NamedIce, TurnAccess } from './ice.ts';
import { type IceUrl, isTurn, parseIceUrl } from './ice-url.ts';

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
  /** The last entry of X-Forwarded-For says who asks: only behind a proxy that writes it. */
  trustProxy: boolean;
  /** This machine is limited as every other address is. */
  limitsLoopback: boolean;
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
  --ice-user NAME --ice-credential WORD   of the TURN servers among them
  --ice-secret SECRET  or what they share with this server (coturn's use-auth-secret): it makes credentials for 12 hours
  --transports LIST    polling,websocket (default: both)
  --trust-proxy        count tries by the last address in X-Forwarded-For: only behind a proxy that adds it
  --limit-loopback     count the tries of this machine too
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
    ice: { urls: values.ice, access: turnAccess(values) },
    transports: transports(values.transports),
    trustProxy: values['trust-proxy'],
    limitsLoopback: values['limit-loopback'],
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
        transports: { type: 'string', default: 'polling,websocket' },
        'trust-proxy': { type: 'boolean', default: false },
        'limit-loopback': { type: 'boolean', default: false },
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

/** A browser throws at a TURN server without a name and a word for it, and then no tab has a link. */
function turnAccess({ ice, ...values }: Values): TurnAccess | null {
  const turnUrls = ice.filter((text) => isTurn(iceUrl(text)));
  const { 'ice-user': username, 'ice-credential': credential, 'ice-secret': secret } = values;
  if (turnUrls.length === 0) {
    if (username !== undefined || credential !== undefined || secret !== undefined) {
      throw badOption('--ice-user, --ice-credential and --ice-secret go with --ice turn:...');
    }
    return null;
  }
  if ((username === undefined) !== (credential === undefined)) throw badOption('--ice-user and --ice-credential go together');
  if (username !== undefined && secret !== undefined) throw badOption('--ice-secret takes the place of --ice-user');
  if (secret !== undefined) return { kind: 'secret', secret: filled('--ice-secret', secret) };
  if (username === undefined || credential === undefined) {
    throw badOption(`--ice ${turnUrls[0]} needs --ice-user and --ice-credential, or --ice-secret`);
  }
  return { kind: 'fixed', username: filled('--ice-user', username), credential: filled('--ice-credential', credential) };
}

/** Browsers refuse a longer name, bytes. */
const MAX_TURN_NAME_BYTES = 509;

function filled(name: string, text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes === 0 || bytes > MAX_TURN_NAME_BYTES)
    throw badOption(`${name} takes 1 to ${MAX_TURN_NAME_BYTES} bytes, not ${bytes}`);
  return text;
}

function iceUrl(text: string): IceUrl {
  const url = parseIceUrl(text);
  if (!url) throw badOption(`--ice takes stun:HOST[:PORT] or turn:HOST[:PORT][?transport=udp|tcp], not ${text}`);
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
