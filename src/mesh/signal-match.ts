import type { SignalData } from '../shared/protocol/signaling.ts';

/**
 * Tells the signals of one connection attempt from those of another between the same two tabs. A late answer or
 * candidate of an abandoned attempt would spoil the next one: applied to it, it makes the browser fail the connection.
 */
const ATTEMPT_LINE = /^a=x-edgeshard-attempt:(\d{1,9})(?:\r?\n|$)/m;
const CANDIDATE_FRAGMENT = / ufrag ([^\s]+)/;
const DESCRIPTION_FRAGMENT = /^a=ice-ufrag:([^\s]+)/gm;

export type DescriptionSignal = Extract<SignalData, { sdp: string }>;
export type CandidateSignal = Extract<SignalData, { type: 'candidate' }>;

/** Adds the attempt's number to an offer or answer. RFC 8866 5.13: who does not know an attribute ignores it. */
export function tagAttempt(sdp: string, attempt: number): string {
  return `${sdp}a=x-edgeshard-attempt:${attempt}\r\n`;
}

/** The number and the description without it; null if there is none. */
export function readAttempt(sdp: string): { attempt: number; sdp: string } | null {
  const match = ATTEMPT_LINE.exec(sdp);
  if (!match) return null;
  return { attempt: Number(match[1]), sdp: sdp.replace(ATTEMPT_LINE, '') };
}

/** False if the candidate names ICE credentials (RFC 8839 5.4) that the description does not have. */
export function belongsTo(signal: CandidateSignal, sdp: string): boolean {
  const fragment = signal.candidate.usernameFragment ?? CANDIDATE_FRAGMENT.exec(signal.candidate.candidate)?.[1];
  if (fragment === undefined) return true;
  return [...sdp.matchAll(DESCRIPTION_FRAGMENT)].some((match) => match[1] === fragment);
}
