import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';
import { assemblyScript } from './tools/assemblyscript/vite-plugin.ts';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** `vite build` makes the pages; `vite build --mode server` bundles what Node runs, as Node 20 runs no TypeScript. */
export default defineConfig(({ mode }) => (mode === 'server' ? server : pages));

/** What the heads of all pages share stands in one file, whose name each page has in a comment. */
const sharedHead: Plugin = {
  name: 'shared-head',
  transformIndexHtml: {
    order: 'pre',
    handler: async (html) => html.replace('<!-- ui/head.html -->', await readFile(here('src/pages/ui/head.html'), 'utf8')),
  },
};

/** A schema stands beside its type; whoever needs the type alone, or another constant of the file, need not download it. `v` is valibot. */
const treeshake = { manualPureFunctions: ['v'] };

const pages = defineConfig({
  root: here('src/pages'),
  publicDir: here('public'),
  plugins: [sharedHead],
  resolve: { alias: [{ find: /^simple-peer$/, replacement: 'simple-peer/simplepeer.min.js' }] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es', plugins: () => [assemblyScript()], rolldownOptions: { treeshake } },
  build: {
    outDir: here('dist/web'),
    emptyOutDir: true,
    target: 'es2023',
    // Vite's own preload helper would run on every page; these pages have one script each.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      treeshake,
      input: {
        home: here('src/pages/home/index.html'),
        donate: here('src/pages/donate/index.html'),
        chat: here('src/pages/chat/index.html'),
      },
    },
  },
});

const server = defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    outDir: here('dist/node'),
    emptyOutDir: true,
    target: 'node20',
    rolldownOptions: {
      input: {
        server: here('signaling-server/main.ts'),
        'planner-worker': here('signaling-server/planner-worker.ts'),
        demo: here('tools/demo/main.ts'),
      },
    },
  },
});
