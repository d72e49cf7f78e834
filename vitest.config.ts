import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { assemblyScript } from './tools/assemblyscript/vite-plugin.ts';

const systemChromium = '/usr/bin/chromium';

/** Pure code runs in Node; `*.browser.test.ts` runs in headless Chromium with WebGPU on the software adapter. */
export default defineConfig({
  test: {
    projects: [
      {
        plugins: [assemblyScript()],
        test: {
          name: 'node',
          environment: 'node',
          include: ['src/**/*.test.ts', 'signaling-server/**/*.test.ts', 'tools/**/*.test.ts', 'bench/**/*.test.ts'],
          exclude: ['**/*.browser.test.ts', '**/node_modules/**'],
        },
      },
      {
        plugins: [assemblyScript()],
        resolve: { alias: [{ find: /^simple-peer$/, replacement: 'simple-peer/simplepeer.min.js' }] },
        // As the server's pages: threads share memory there.
        server: {
          headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
        },
        // Found late, they would make Vite reload a page in mid-test.
        optimizeDeps: { include: ['simple-peer/simplepeer.min.js', 'valibot', 'onnxruntime-web/webgpu', '@huggingface/jinja'] },
        test: {
          name: 'browser',
          include: ['src/**/*.browser.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                ...(existsSync(systemChromium) ? { executablePath: systemChromium } : {}),
                args: [
                  '--no-sandbox',
                  '--enable-unsafe-webgpu',
                  '--use-webgpu-adapter=swiftshader',
                  '--disable-quic',
                  '--no-first-run',
                  '--disable-background-networking',
                  '--disable-component-update',
                  '--disable-sync',
                  '--allow-loopback-in-peer-connection',
                ],
              },
              contextOptions: { permissions: ['camera', 'microphone'] },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
