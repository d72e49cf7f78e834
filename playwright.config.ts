import { defineConfig } from '@playwright/test';

/** Several tabs with a software GPU share the machine's cores: one spec at a time, and patience. */
export default defineConfig({
  testDir: 'e2e',
  testMatch: '*.spec.ts',
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 60_000 },
  forbidOnly: true,
  reporter: 'list',
});
