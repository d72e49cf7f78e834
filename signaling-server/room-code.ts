import { createHash, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** The letters and digits of `ROOM_CODE`: none is mistaken for another when read aloud. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export function randomRoomCode(): string {
  return Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** 192 random bits, 32 characters. */
export function randomHostKey(): string {
  return randomBytes(24).toString('base64url');
}

/** 96 random bits, 16 characters. */
export function randomJoinKey(): string {
  return randomBytes(12).toString('base64url');
}

/** What may be shown of a key: SHA-256 as base64url. The keys are random, so that nothing is gained by guessing. */
export function hashOfKey(key: string): string {
  return createHash('sha256').update(key).digest('base64url');
}

/** Takes the same time wherever two keys of one length differ. */
export function isSameKey(a: string, b: string): boolean {
  const [bytesA, bytesB] = [Buffer.from(a), Buffer.from(b)];
  return bytesA.length === bytesB.length && timingSafeEqual(bytesA, bytesB);
}
