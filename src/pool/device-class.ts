import type { DeviceClass } from '../workers/messages.ts';

/** `navigator.deviceMemory` and `userAgentData` are not in every browser, nor in TypeScript's library. */
interface NavigatorHints {
  deviceMemory?: number;
  userAgentData?: { mobile?: boolean };
}

export function readDeviceClass(): DeviceClass {
  const hints: Navigator & NavigatorHints = navigator;
  const { userAgent } = navigator;
  // An iPad calls itself a Mac; a Mac has no touch screen.
  const isIPad = /Macintosh/.test(userAgent) && navigator.maxTouchPoints > 1;
  const mobile = hints.userAgentData?.mobile ?? (isIPad || /Android|iPhone|iPad|Mobile/.test(userAgent));
  return { mobile, memoryGiB: hints.deviceMemory ?? null, userAgent };
}
