import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RoomSeed } from '../src/shared/protocol/signaling.ts';
import { hashOfKey, isSameKey } from './room-code.ts';
import { SEAL_LIFETIME_MS } from './room-seal.ts';

/** Rooms that are remembered without a file; beyond them the one whose link was renewed first is forgotten. */
const MAX_REMEMBERED = 10_000;

/** Which link a room has, and since when. */
interface Renewed {
  linkHash: string;
  /** The first date that a seal with this link may have. */
  sinceMs: number;
}

/**
 * Remembers for as long as seals are good, and beyond the end of the room and of this process, that a room has got another link, as it
 * does with every device that a host removes. Whoever was removed cannot bring back the room of before. One small file for each room.
 */
export class RenewedLinks {
  private readonly folder: string | null;
  private readonly remembered = new Map<string, Renewed>();
  /** Not in the folder yet. */
  private readonly unwritten = new Map<string, Renewed>();
  private writing: Promise<void> | null = null;
  private prunedMs = 0;

  /** @param folder null, or one that cannot be written to, keeps them for as long as this process lives */
  constructor(folder: string | null) {
    this.folder = folder;
  }

  /** @param sinceMs the first date that a seal with the new link may have */
  note(code: string, joinKey: string, sinceMs: number): void {
    const renewed = { linkHash: hashOfKey(joinKey), sinceMs };
    this.remembered.delete(code);
    this.remembered.set(code, renewed);
    const [oldest] = this.remembered.keys();
    if (this.remembered.size > MAX_REMEMBERED) this.remembered.delete(oldest!);
    this.unwritten.set(code, renewed);
    this.writing ??= this.writeAll();
  }

  /** True for a seed from before the room got the link that it has now. */
  async isOutdated(code: string, { joinKey, seal }: RoomSeed): Promise<boolean> {
    const known = [this.remembered.get(code), await this.read(code)];
    return known.some((renewed) => renewed && seal.dateMs < renewed.sinceMs && !isSameKey(renewed.linkHash, hashOfKey(joinKey)));
  }

  /** Resolves when all that was noted lies in the folder. */
  async saved(): Promise<void> {
    await this.writing;
  }

  /** One after the other, and of each room only what was noted last. */
  private async writeAll(): Promise<void> {
    for (let [next] = this.unwritten; next; [next] = this.unwritten) {
      const [code, renewed] = next;
      this.unwritten.delete(code);
      await this.write(code, renewed).catch(() => undefined);
    }
    this.writing = null;
  }

  private async write(code: string, { linkHash, sinceMs }: Renewed): Promise<void> {
    if (this.folder === null) return;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const file = join(this.folder, code);
    await writeFile(`${file}.new`, `${sinceMs} ${linkHash}`, { mode: 0o600 });
    await rename(`${file}.new`, file);
    await this.prune(this.folder, sinceMs);
  }

  /** Null where nothing can be read: then there is no file, or nobody has written one. */
  private async read(code: string): Promise<Renewed | null> {
    if (this.folder === null) return null;
    const text = await readFile(join(this.folder, code), 'utf8').catch(() => null);
    if (text === null) return null;
    const [sinceMs = '', linkHash = ''] = text.split(' ');
    return { sinceMs: Number(sinceMs), linkHash };
  }

  /** Forgets, once in the life of a seal, what no good seal is older than. */
  private async prune(folder: string, nowMs: number): Promise<void> {
    if (nowMs - this.prunedMs < SEAL_LIFETIME_MS) return;
    this.prunedMs = nowMs;
    for (const name of await readdir(folder)) {
      const file = join(folder, name);
      if (nowMs - (await stat(file)).mtimeMs > SEAL_LIFETIME_MS) await rm(file, { force: true });
    }
  }
}
