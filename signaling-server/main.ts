import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { destination, pino } from 'pino';
import { AppError } from '../src/shared/errors.ts';
import { type App, type AppOptions, startApp } from './app.ts';
import { type Certificate, cacheFolder, selfMadeCertificate } from './certificate.ts';
import { lanAddresses } from './lan-addresses.ts';
import { RenewedLinks } from './renewed-links.ts';
import { roomSecret } from './room-secret.ts';
import { parseServerOptions, type ServerOptions, USAGE } from './server-options.ts';
import { welcomeText } from './welcome.ts';

/** Both lie beside this file's bundle. */
const plannerWorker = new URL(/* @vite-ignore */ 'planner-worker.js', import.meta.url);
const webDir = fileURLToPath(new URL(/* @vite-ignore */ '../web', import.meta.url));

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help')) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const options = parseServerOptions(args);
  if (!existsSync(webDir)) throw new AppError('internal', `the pages are not built: ${webDir} is missing, run npm run build`);
  const addresses = options.host === null || options.host === '0.0.0.0' ? lanAddresses() : [options.host];
  const app = await startApp(await appOptions(options, addresses));
  stopOnSignals(app);
  process.stdout.write(options.json ? portsLine(app) : welcomeText(app, options.host ?? 'localhost', addresses));
}

async function appOptions(options: ServerOptions, addresses: readonly string[]): Promise<AppOptions> {
  const openHost = options.host ?? '0.0.0.0';
  const https =
    options.httpsPort === null ? null : { host: openHost, port: options.httpsPort, ...(await certificate(options, addresses)) };
  return {
    http: { host: options.host ?? '127.0.0.1', port: options.port },
    https,
    stun: { host: openHost, port: options.stunPort },
    webDir,
    modelsDir: options.modelsDir,
    ice: options.ice,
    trustProxy: options.trustProxy,
    transports: options.transports,
    plannerWorker,
    roomSecret: await roomSecret(cacheFolder(process.env)),
    renewedLinks: new RenewedLinks(join(cacheFolder(process.env), 'renewed-links')),
    // Synchronous, so that a line is there as soon as the response is over.
    log:
      options.logFile === null
        ? pino({ level: 'warn' }, destination(2))
        : pino(destination({ dest: options.logFile, sync: true })),
  };
}

async function certificate({ cert, key }: ServerOptions, addresses: readonly string[]): Promise<Certificate> {
  if (cert === null || key === null) return selfMadeCertificate(cacheFolder(process.env), addresses, new Date());
  return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
}

function portsLine({ httpPort, httpsPort, stunPort }: App): string {
  return `${JSON.stringify({ httpPort, httpsPort, stunPort })}\n`;
}

function stopOnSignals(app: App): void {
  let stopping = false;
  const stop = () => {
    // A second signal means now.
    if (stopping) process.exit(1);
    stopping = true;
    void app.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

main(process.argv.slice(2)).catch((thrown: unknown) => {
  const error = AppError.from(thrown);
  process.stderr.write(error.code === 'bad-message' ? `${error.message}\n\n${USAGE}\n` : `${error.message}\n`);
  process.exitCode = 1;
});
