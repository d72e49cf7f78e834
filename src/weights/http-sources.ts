import { openHttpRange } from './http-range.ts';
import type { OpenSource } from './range-source.ts';

/** Tells this project's own server which device downloads; other servers get no header that they might refuse. */
const DEVICE_HEADER = 'x-edgeshard-device';

/** Files of web servers. @param signal stops opening and everything that is read later */
export function httpSources(deviceLabel: string, signal: AbortSignal): OpenSource {
  return (url) => {
    const isOwnServer = URL.canParse(url, location.origin) && new URL(url, location.origin).origin === location.origin;
    return openHttpRange(url, { headers: isOwnServer ? { [DEVICE_HEADER]: deviceLabel } : {}, signal });
  };
}
