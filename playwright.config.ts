import { defineConfig } from '@playwright/test';
import { canMakeHosts } from './e2e/hosts.ts';

/** Needs network namespaces, which only root may make. */
const withHosts = canMakeHosts();
if (!withHosts && process.env.TEST_WORKER_INDEX === undefined)
  console.warn('Without root, e2e/hidden-addresses.spec.ts is left out.');

/** Several tabs with a software GPU share the machine's cores: one spec at a time, and patience. */
export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.spec.ts',
  testIgnore: withHosts ? [] : ['hidden-addresses.spec.ts'],
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: 'list',
});
