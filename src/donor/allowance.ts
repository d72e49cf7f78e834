import { webLocks } from '../weights/web-locks.ts';
import { withLock } from './with-lock.ts';

/** A tab says what it lends by a lock of this name, the bytes and a word of its own: it ends with the tab, however that ends. */
const SHARE = 'edgeshard-lends';
const SHARE_NAME = new RegExp(`^${SHARE} (\\d{1,15}) `);
/** Held while a tab reads what the others lend and says what it does. */
const BOOK = 'edgeshard-lending';

interface Share {
  name: string;
  bytes: number;
  end(): void;
}

/**
 * How much memory this tab lends. What a device lends unless its owner says otherwise is lent once per browser: a second tab gets what
 * the first left over, and more as soon as that one ends. An amount that the owner named for this tab is lent whole, and
 * counts for the others. Browsers that keep tabs apart (private windows, other profiles) keep their allowances apart too.
 */
export class Allowance {
  private readonly onChange: () => void;
  private readonly locks = webLocks();
  private wished: number | null = null;
  private defaultBytes = 0;
  private share: Share | null = null;
  /** Aborted when this tab lends no more. */
  private use: AbortController | null = null;
  /** Aborted when the others' shares are looked at again. */
  private watching = new AbortController();
  private taking: Promise<void> = Promise.resolve();

  /** @param onChange told when another tab has left more */
  constructor(onChange: () => void) {
    this.onChange = onChange;
  }

  /** What this tab lends; once it is taken, what it may. */
  get bytes(): number {
    return this.wished ?? this.share?.bytes ?? this.defaultBytes;
  }

  /** @param bytes what the owner named, null for what the others leave of `defaultBytes` */
  wish(bytes: number | null, defaultBytes = this.defaultBytes): void {
    this.wished = bytes;
    this.defaultBytes = defaultBytes;
    if (this.use) this.claim(this.use.signal);
  }

  /** Takes this tab's share, unless it has one. Settles when it is known how much that is. */
  take(): Promise<void> {
    if (!this.use) {
      this.use = new AbortController();
      this.claim(this.use.signal);
    }
    return this.taking;
  }

  giveBack(): void {
    this.use?.abort();
    this.use = null;
    this.watching.abort();
    this.share?.end();
    this.share = null;
  }

  private claim(signal: AbortSignal): void {
    const { locks } = this;
    if (!locks) return;
    // A browser that does not tell its locks lends in every tab.
    this.taking = withLock(BOOK, () => this.write(locks, signal)).catch(() => undefined);
  }

  /** The new share begins before the old one ends, so that nobody takes it in between. */
  private async write(locks: LockManager, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const before = this.bytes;
    const others = (await sharesHeld(locks)).filter(({ name }) => name !== this.share?.name);
    const leftBytes = others.reduce((left, { bytes }) => left - bytes, this.defaultBytes);
    const bytes = Math.floor(this.wished ?? Math.max(0, leftBytes));
    // A new name wakes all tabs that watch this one: none for the same amount, or they would wake each other for ever.
    if (this.share?.bytes !== bytes) {
      const share = await holdShare(locks, bytes);
      if (signal.aborted) return share.end();
      this.share?.end();
      this.share = share;
    }
    this.watching.abort();
    // An amount that the owner named does not grow when others end.
    if (this.wished === null && bytes < this.defaultBytes) this.watch(locks, others, signal);
    if (this.bytes !== before) this.onChange();
  }

  /** Once one of the others ends, there may be more for this tab. */
  private watch(locks: LockManager, others: readonly { name: string }[], signal: AbortSignal): void {
    const watching = new AbortController();
    this.watching = watching;
    for (const { name } of others) {
      locks
        .request(name, { mode: 'shared', signal: watching.signal }, () => {
          if (!watching.signal.aborted) this.claim(signal);
        })
        .catch(() => undefined);
    }
  }
}

async function sharesHeld(locks: LockManager): Promise<{ name: string; bytes: number }[]> {
  const { held = [] } = await locks.query();
  return held.flatMap(({ name = '' }) => {
    const [, bytes] = SHARE_NAME.exec(name) ?? [];
    return bytes === undefined ? [] : [{ name, bytes: Number(bytes) }];
  });
}

/** Resolves when it is held. */
function holdShare(locks: LockManager, bytes: number): Promise<Share> {
  const word = crypto.getRandomValues(new Uint32Array(2)).join('-');
  const name = `${SHARE} ${bytes} ${word}`;
  return new Promise((resolve, reject) => {
    const hold = () => new Promise<void>((end) => resolve({ name, bytes, end }));
    locks.request(name, hold).catch(reject);
  });
}
