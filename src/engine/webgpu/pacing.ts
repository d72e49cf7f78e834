/** A submission that runs for seconds is killed by the watchdogs of phones, and the page cannot draw meanwhile; ms. */
export const SUBMISSION_MS = 80;
/** How much of a new measurement goes into the estimate. */
const LEARNING = 0.3;
/** Weights that a slow device multiplies in a ms, to begin with. */
const FIRST_GUESS_WEIGHTS_PER_MS = 400_000;

export interface Pace {
  /** Rows that run through the layers together. */
  chunkRows: number;
  /** Layers of a chunk in one submission. */
  layersPerSubmission: number;
}

/**
 * Sizes submissions by what the engine's own forwards took. Time is counted in passes, one tile of rows through one layer:
 * `tileRows` rows cost about as much as one of them when they share a thread. A single row is its own kind.
 */
export class Pacer {
  private readonly tileRows: number;
  private oneMs: number;
  private tileMs: number;

  constructor(tileRows: number, weightsPerLayer: number) {
    this.tileRows = tileRows;
    this.oneMs = weightsPerLayer / FIRST_GUESS_WEIGHTS_PER_MS;
    this.tileMs = this.oneMs * tileRows;
  }

  pace(rows: number, layers: number, maxChunkRows: number): Pace {
    const passMs = rows === 1 ? this.oneMs : this.tileMs;
    const passes = Math.max(1, Math.floor(SUBMISSION_MS / passMs));
    const tiles = Math.max(1, Math.floor(passes / Math.max(1, layers)));
    const chunkRows = Math.min(rows, maxChunkRows, tiles * this.tileRows);
    return { chunkRows, layersPerSubmission: Math.max(1, Math.floor(passes / this.tiles(chunkRows))) };
  }

  /** A forward of `rows` rows through `layers` layers took `ms` in all. */
  learn(rows: number, layers: number, ms: number): void {
    if (rows === 0 || layers === 0) return;
    const passMs = ms / (this.tiles(rows) * layers);
    if (rows === 1) this.oneMs += LEARNING * (passMs - this.oneMs);
    else this.tileMs += LEARNING * (passMs - this.tileMs);
  }

  private tiles(rows: number): number {
    return Math.ceil(rows / this.tileRows);
  }
}
