/**
 * The keys of rooms that this browser knows. Whoever holds a room's host key may change its settings, whoever holds its join key
 * comes in without being asked.
 */
type KeyKind = 'host' | 'join';

const keyName = (kind: KeyKind, code: string) => `edgeshard.${kind}.${code}`;

export function rememberKey(kind: KeyKind, code: string, key: string): void {
  try {
    localStorage.setItem(keyName(kind, code), key);
  } catch {
    // Storage is full or forbidden: the room works, and coming back to it needs its link again.
  }
}

export function recallKey(kind: KeyKind, code: string): string | null {
  try {
    return localStorage.getItem(keyName(kind, code));
  } catch {
    return null;
  }
}
