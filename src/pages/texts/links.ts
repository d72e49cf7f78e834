import type { LinkAdvice } from '../../mesh/link-state.ts';
import { formatMs } from '../ui/format.ts';

/** The likely cause and the fix for a link that did not come up, beside the name of the other device. */
export function linkAdvice(advice: LinkAdvice): string {
  switch (advice.code) {
    case 'no-address':
      return 'This browser offers no network address for a direct connection. Switch off VPNs and extensions that block WebRTC, then reload.';
    case 'no-answer':
      return `This device has not answered for ${formatMs(advice.waitedMs)}. Its tab may be asleep: unlock it, bring the tab to the front, or reload it.`;
    case 'no-way-through':
      return `No direct connection within ${formatMs(advice.waitedMs)}. Guest, hotel and office Wi-Fi often keeps devices apart, or they are in different networks. Put both in the same home Wi-Fi or on one phone's hotspot, and switch VPNs off.`;
    case 'other-protocol':
      return 'This device sends messages that this page does not understand. It may run another version: reload the page on both devices.';
  }
}
