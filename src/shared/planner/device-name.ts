import type { PeerId } from '../model/link-profile.ts';
import type { PlanningProblem } from './problem.ts';

/** What sentences for people call a peer: its name in quotation marks, or else its number. */
export function deviceName({ names }: Pick<PlanningProblem, 'names'>, peerId: PeerId): string {
  const name = names?.get(peerId);
  return name === undefined ? `device ${peerId}` : `“${name}”`;
}
