import type { PeerId } from '../shared/model/link-profile.ts';

/** What a page shows of a link. */
export interface LinkState {
  peerId: PeerId;
  state: 'connecting' | 'open' | 'failed';
  /** For `failed`. */
  advice: LinkAdvice | null;
}

/** The likely cause of a link that did not come up, of which a page makes advice for the person at the device. */
export type LinkAdvice =
  /** This browser offers no network address. */
  | { code: 'no-address' }
  /** The other device has not answered. */
  | { code: 'no-answer'; waitedMs: number }
  /** It has, but no packet gets through. */
  | { code: 'no-way-through'; waitedMs: number }
  /** It sends messages that this version does not understand. */
  | { code: 'other-protocol' };

/** What a link that could not be set up has seen. */
export interface SetupEvidence {
  /** This browser offered at least one address of its own. */
  hasOwnAddress: boolean;
  /** The other device answered through the server. */
  heardFromPeer: boolean;
}

export function setupAdvice({ hasOwnAddress, heardFromPeer }: SetupEvidence, waitedMs: number): LinkAdvice {
  if (!hasOwnAddress) return { code: 'no-address' };
  return heardFromPeer ? { code: 'no-way-through', waitedMs } : { code: 'no-answer', waitedMs };
}

/** For a device that does not keep to the protocol. */
export const PROTOCOL_ADVICE: LinkAdvice = { code: 'other-protocol' };
