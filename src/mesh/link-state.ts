import type { PeerId } from '../shared/model/link-profile.ts';

/** What a page shows of a link. */
export interface LinkState {
  peerId: PeerId;
  state: 'connecting' | 'open' | 'failed';
  /** For `failed`: the likely cause and what to do. */
  advice: string | null;
}

/** What a link that could not be set up has seen. */
export interface SetupEvidence {
  /** This browser offered at least one address of its own. */
  hasOwnAddress: boolean;
  /** The other device answered through the server. */
  heardFromPeer: boolean;
}

/** The likely cause and the fix for a link that did not come up, in words for the person at the device. */
export function setupAdvice({ hasOwnAddress, heardFromPeer }: SetupEvidence, waitedMs: number): string {
  const seconds = Math.round(waitedMs / 1000);
  if (!hasOwnAddress) {
    return `This browser offers no network address for a direct connection. Switch off VPNs and extensions that block WebRTC, then reload.`;
  }
  if (!heardFromPeer) {
    return `This device has not answered for ${seconds} s. Its tab may be asleep: unlock it, bring the tab to the front, or reload it.`;
  }
  return `No direct connection within ${seconds} s. Guest, hotel and office Wi-Fi often keeps devices apart, or they are in different networks. Put both in the same home Wi-Fi or on one phone's hotspot, and switch VPNs off.`;
}

/** For a device whose messages this version does not understand. */
export const PROTOCOL_ADVICE =
  'This device sends messages that this page does not understand. It may run another version: reload the page on both devices.';
