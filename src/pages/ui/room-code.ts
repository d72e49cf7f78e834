import { ROOM_CODE } from '../../shared/protocol/signaling.ts';

export const ROOM_CODE_LENGTH = 5;

/** What a code field shows while it is typed or pasted: upper case, no blanks or dashes, no longer than a code. */
export function tidyRoomCode(typed: string): string {
  return typed
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, '')
    .slice(0, ROOM_CODE_LENGTH);
}

/** The room code in a text, or null when it is none. */
export function readRoomCode(text: string): string | null {
  const code = text.trim().toUpperCase();
  return ROOM_CODE.test(code) ? code : null;
}
