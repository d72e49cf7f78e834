import type { EngineProfile } from '../engine/device-profile.ts';
import { meanOfMost } from '../engine/mean-of-most.ts';
import type { ServedForward } from '../pipeline/stage-host.ts';
import { type LayerRange, layerCount } from '../shared/model/layer-range.ts';

/** So many single tokens, over so long a time, make one sample: fewer tell of a moment, more often tells nobody more. */
const TOKENS = 24;
const SAMPLE_MS = 500;

/** What serving says of a device's speed, beside what it measured on its own. */
export class ServedSpeed {
  private readonly measured: EngineProfile;
  private readonly layerBytes: readonly number[];
  private ratios: number[] = [];
  private sinceMs: number;

  /** @param measured by the device on its own: the shares of layers, head and overhead in a forward come from it */
  constructor(measured: EngineProfile, layerBytes: readonly number[], nowMs: number) {
    this.measured = measured;
    this.layerBytes = layerBytes;
    this.sinceMs = nowMs;
  }

  /** @returns the profile as the last tokens have it, all but the slowest, when there are enough of them; else null */
  observe({ rows, layers, head, ms }: ServedForward, nowMs: number): EngineProfile | null {
    if (rows !== 1 || layerCount(layers) === 0 || ms === null) return null;
    const { forwardOverheadMs, decodeLayerMs, headMs } = this.measured;
    this.ratios.push(ms / (forwardOverheadMs + this.meanLayers(layers) * decodeLayerMs + (head ? headMs : 0)));
    if (this.ratios.length < TOKENS || nowMs - this.sinceMs < SAMPLE_MS) return null;
    const ratio = meanOfMost(this.ratios);
    this.ratios = [];
    this.sinceMs = nowMs;
    return Number.isFinite(ratio) ? scaled(this.measured, ratio) : null;
  }

  /** Layers by their bytes, counted in mean ones: a profile tells of a mean layer, and a shard may have heavier ones. */
  private meanLayers({ startLayer, endLayer }: LayerRange): number {
    const bytes = (layers: readonly number[]) => layers.reduce((sum, one) => sum + one, 0);
    return (bytes(this.layerBytes.slice(startLayer, endLayer)) / bytes(this.layerBytes)) * this.layerBytes.length;
  }
}

function scaled(profile: EngineProfile, ratio: number): EngineProfile {
  return {
    ...profile,
    decodeLayerMs: profile.decodeLayerMs * ratio,
    prefillLayerMsPerToken: profile.prefillLayerMsPerToken * ratio,
    forwardOverheadMs: profile.forwardOverheadMs * ratio,
    headMs: profile.headMs * ratio,
  };
}
