import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

/** The letters and digits of `ROOM_CODE`: none is mistaken for another when read aloud. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

export function randomRoomCode(): string {
  return Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/** 192 random bits, 32 characters. */
export function randomHostKey(): string {
  return randomBytes(24).toString('base64url');
}

/** Takes the same time wherever two keys of one length differ. */
export function isSameKey(a: string, b: string): boolean {
  const [bytesA, bytesB] = [Buffer.from(a), Buffer.from(b)];
  return bytesA.length === bytesB.length && timingSafeEqual(bytesA, bytesB);
}
