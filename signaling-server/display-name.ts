/** A name is a person's text: sentences and lists take so many characters of it. */
const MAX_CHARACTERS = 40;
/** What would break a line, turn the direction of the text after it, or end the quotation marks that sentences put around names. */
const UNFIT = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\s“”]+/gu;

/**
 * What a room calls a newcomer: the name that it asked for, on one line and cut to length, or else its number. When somebody in
 * the room has that name already, the least number that tells them apart follows it: "Chrome on Linux 2".
 */
export function displayName(asked: string, number: number, taken: readonly string[]): string {
  const name = asked.replace(UNFIT, ' ').trim() || `device ${number}`;
  let called = cut(name, MAX_CHARACTERS);
  for (let nth = 2; taken.includes(called); nth++) {
    const suffix = ` ${nth}`;
    called = cut(name, MAX_CHARACTERS - suffix.length) + suffix;
  }
  return called;
}

/** Counts characters, not the halves of those beyond the 16 bits of a JavaScript letter. */
function cut(name: string, maxCharacters: number): string {
  const characters = [...name];
  return characters.length <= maxCharacters ? name : `${characters.slice(0, maxCharacters - 1).join('')}…`;
}
