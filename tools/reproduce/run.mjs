// npm run reproduce: Vite translates the TypeScript, Node runs it.
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const root = fileURLToPath(new URL('../..', import.meta.url));
const server = await createServer({
  root,
  configFile: false,
  logLevel: 'warn',
  appType: 'custom',
  server: { middlewareMode: true, watch: null },
});
try {
  const { main } = await server.ssrLoadModule('/tools/reproduce/main.ts');
  main(root);
} finally {
  await server.close();
}
