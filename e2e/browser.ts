import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright';

const SYSTEM_CHROMIUM = '/usr/bin/chromium';

/** Nothing is looked up outside, and WebRTC may use the loopback interface. */
const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--allow-loopback-in-peer-connection',
];

const SOFTWARE_GPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

export interface BrowserOptions {
  /** False: as a browser that has none. */
  webGpu?: boolean;
  /** Instead of the system's Chromium. */
  executablePath?: string;
  args?: readonly string[];
}

/** The system's Chromium where there is one, else Playwright's own. */
export function launchBrowser({
  webGpu = true,
  executablePath = systemChromium(),
  args = [],
}: BrowserOptions = {}): Promise<Browser> {
  return chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [...FLAGS, ...(webGpu ? SOFTWARE_GPU : ['--disable-gpu']), ...args],
  });
}

function systemChromium(): string | undefined {
  return existsSync(SYSTEM_CHROMIUM) ? SYSTEM_CHROMIUM : undefined;
}
