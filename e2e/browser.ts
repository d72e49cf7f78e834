import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright';

const SYSTEM_CHROMIUM = '/usr/bin/chromium';

/** WebGPU works without a GPU, nothing is looked up outside, and WebRTC may use the loopback interface. */
const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-loopback-in-peer-connection',
];

export interface BrowserOptions {
  /** False: take whatever GPU the machine has. */
  softwareGpu?: boolean;
  args?: string[];
}

/** The system's Chromium where there is one, else Playwright's own. */
export function launchBrowser({ softwareGpu = true, args = [] }: BrowserOptions = {}): Promise<Browser> {
  return chromium.launch({
    ...(existsSync(SYSTEM_CHROMIUM) ? { executablePath: SYSTEM_CHROMIUM } : {}),
    args: [...FLAGS, ...(softwareGpu ? ['--use-webgpu-adapter=swiftshader'] : []), ...args],
  });
}
