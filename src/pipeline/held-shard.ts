import type { ShardEngine } from '../engine/shard-engine.ts';
import type { ShardParts } from '../shared/model/shard-parts.ts';
import type { Holdings } from './served-plans.ts';

/** Brings weights into the engine; `signal` ends a load that a newer plan made pointless. */
export interface ShardLoader {
  loadLayer(layer: number, signal: AbortSignal): Promise<void>;
  loadHead(signal: AbortSignal): Promise<void>;
}

/** The layers and the head that the engine has, and the load in progress. */
export class HeldShard {
  private readonly engine: ShardEngine;
  private readonly loader: ShardLoader;
  private readonly layers = new Set<number>();
  private head = false;
  private loading: { abort: AbortController; done: Promise<void> } | null = null;

  constructor(engine: ShardEngine, loader: ShardLoader) {
    this.engine = engine;
    this.loader = loader;
  }

  missing(layers: readonly number[], head: boolean): ShardParts {
    return { layers: layers.filter((layer) => !this.layers.has(layer)), head: head && !this.head };
  }

  /** Ends a load in progress. @returns when it has ended; what it had loaded stays */
  async abandon(): Promise<void> {
    this.loading?.abort.abort();
    await this.loading?.done.catch(() => undefined);
  }

  /**
   * Lets go of everything else, and loads what is missing. None may be in progress.
   * @returns false when it was abandoned
   * @throws AppError of the failed load
   */
  async load(needed: Holdings): Promise<boolean> {
    this.unloadAllBut(needed);
    const abort = new AbortController();
    const done = this.loadMissing(needed, abort.signal);
    this.loading = { abort, done };
    try {
      await done;
    } catch (error) {
      if (abort.signal.aborted) return false;
      throw error;
    }
    return true;
  }

  unloadAllBut(needed: Holdings): void {
    for (const layer of this.layers) {
      if (needed.layers.has(layer)) continue;
      this.engine.unloadLayer(layer);
      this.layers.delete(layer);
    }
    if (this.head && !needed.head) {
      this.engine.unloadHead();
      this.head = false;
    }
  }

  private async loadMissing(needed: Holdings, signal: AbortSignal): Promise<void> {
    for (const layer of needed.layers) {
      if (this.layers.has(layer)) continue;
      await this.loader.loadLayer(layer, signal);
      this.layers.add(layer);
    }
    if (needed.head && !this.head) {
      await this.loader.loadHead(signal);
      this.head = true;
    }
  }
}
