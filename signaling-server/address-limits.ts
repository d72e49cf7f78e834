import { AppError } from '../src/shared/errors.ts';
import { type ClientAddress, isLoopback } from './client-address.ts';
import type { Clock } from './clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** What is counted, and how many of it an address may do at once and in the long run. */
const LIMITS = {
  /** Joining a room that is not there, with a wrong passphrase, or without being let in. */
  'failed-join': { burst: 30, perSecond: 1 / 20 },
  'created-room': { burst: 30, perSecond: 1 / 60 },
  /** A room made anew from what one of its tabs brings: after a restart a whole school comes with its rooms. */
  'resumed-room': { burst: 200, perSecond: 1 },
} as const;

export type Limited = keyof typeof LIMITS;

/** Addresses that are remembered; beyond them the one that was not heard of for longest is forgotten. */
const MAX_ADDRESSES = 10_000;

/**
 * How often an address may do what harms others when it is done often. Joining by a room's link is never counted, as a whole school
 * may have one address. This machine itself is free of it.
 */
export class AddressLimits {
  private readonly clock: Clock;
  private readonly limitsLoopback: boolean;
  private readonly buckets = new Map<string, TokenBucket>();

  constructor(clock: Clock, limitsLoopback: boolean) {
    this.clock = clock;
    this.limitsLoopback = limitsLoopback;
  }

  /** @throws AppError too-many-tries when the address has used up what it may */
  count(what: Limited, address: ClientAddress): void {
    if (this.isLimited(address) && !this.bucket(what, address).take()) throw tooManyTries(what);
  }

  /**
   * To be asked before a try that is counted only if it fails: else whoever has used up its tries could go on and see which one is right.
   * @throws AppError too-many-tries
   */
  requireLeft(what: Limited, address: ClientAddress): void {
    if (this.isLimited(address) && !this.bucket(what, address).hasToken()) throw tooManyTries(what);
  }

  /** What was counted turned out to be no failure. */
  giveBack(what: Limited, address: ClientAddress): void {
    if (this.isLimited(address)) this.bucket(what, address).giveBack();
  }

  private isLimited(address: ClientAddress): boolean {
    return this.limitsLoopback || !isLoopback(address);
  }

  private bucket(what: Limited, address: ClientAddress): TokenBucket {
    const key = `${what} ${address}`;
    const { burst, perSecond } = LIMITS[what];
    const bucket = this.buckets.get(key) ?? new TokenBucket(burst, perSecond, this.clock);
    // The least recently used one comes first.
    this.buckets.delete(key);
    this.buckets.set(key, bucket);
    const [oldest] = this.buckets.keys();
    if (this.buckets.size > MAX_ADDRESSES) this.buckets.delete(oldest!);
    return bucket;
  }
}

function tooManyTries(what: Limited): AppError {
  return new AppError('too-many-tries', `too many tries (${what}) from this address: wait a few minutes`);
}
