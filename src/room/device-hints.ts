import type { WorkerSetup } from '../workers/messages.ts';

/** `navigator.deviceMemory` is not in every browser, nor in TypeScript's library. */
type NavigatorWithMemory = Navigator & { deviceMemory?: number };

/** What the browser says of its device, for the default amount of memory to lend. */
export function readDeviceHints(): WorkerSetup['hints'] {
  const { userAgent, maxTouchPoints, deviceMemory }: NavigatorWithMemory = navigator;
  return { userAgent, maxTouchPoints, deviceMemoryGb: deviceMemory };
}
