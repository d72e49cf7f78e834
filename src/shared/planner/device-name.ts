import type { PeerId } from '../model/link-profile.ts';
import type { PlanningProblem } from './problem.ts';

/** A name is a person's text: sentences take so many characters of it. */
const MAX_CHARACTERS = 40;
/** What would break a line or turn the direction of the text after it. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\s]+/gu;

/** What sentences for people call a peer: its name on one line and cut to length, or else its number. */
export function deviceName({ names }: Pick<PlanningProblem, 'names'>, peerId: PeerId): string {
  const characters = [...(names?.get(peerId) ?? '').replace(UNPRINTABLE, ' ').trim()];
  if (characters.length === 0) return `device ${peerId}`;
  return characters.length <= MAX_CHARACTERS ? characters.join('') : `${characters.slice(0, MAX_CHARACTERS - 1).join('')}…`;
}
