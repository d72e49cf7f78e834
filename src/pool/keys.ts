/** The keys of rooms that this browser created: whoever holds a room's key may change its settings. */
const keyName = (code: string) => `edgeshard.host.${code}`;

export function rememberHostKey(code: string, hostKey: string): void {
  try {
    localStorage.setItem(keyName(code), hostKey);
  } catch {
    // Storage is full or forbidden: the room works, its settings can't be changed after leaving this page.
  }
}

export function recallHostKey(code: string): string | null {
  try {
    return localStorage.getItem(keyName(code));
  } catch {
    return null;
  }
}

/** For one tab: 128 random bits, 32 characters. */
export function randomTabKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
