// Runs a measurement that is written in TypeScript: node bench/run.mjs NAME [options]. The same Vite that builds the pages
// translates it, and serves the pages that it opens in a browser.
import { fileURLToPath } from 'node:url';
import { createServer, loadConfigFromFile } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const [name, ...args] = process.argv.slice(2);
const configFile = `${root}/vite.config.ts`;
const { config } = await loadConfigFromFile({ command: 'serve', mode: 'development' }, configFile);
const server = await createServer({
  root,
  configFile,
  // What the build applies to workers only, this server applies to all that it translates.
  plugins: config.worker?.plugins?.() ?? [],
  cacheDir: `${root}/node_modules/.cache/bench`,
  logLevel: 'warn',
  appType: 'mpa',
  // A page with shared memory: what several threads need. Nothing watches, nothing reloads in mid-measurement.
  server: {
    port: 0,
    hmr: false,
    watch: null,
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  // simple-peer is no module as it is.
  optimizeDeps: { noDiscovery: true, include: ['simple-peer'] },
});
try {
  const { main } = await server.ssrLoadModule(`/bench/${name}.ts`);
  await main(args, server);
} finally {
  await server.close();
}
