import type { EngineProfile } from '../engine/device-profile.ts';
import { meanOfMost } from '../engine/mean-of-most.ts';
import type { ForwardWork, ServedForward } from '../pipeline/stage-host.ts';
import { type LayerRange, layerCount } from '../shared/model/layer-range.ts';

/** So many single tokens, over so long a time, make one sample: fewer tell of a moment, more often tells nobody more. */
const TOKENS = 24;
const SAMPLE_MS = 500;

/** What serving says of a device's speed, beside what it measured on its own. */
export class ServedSpeed {
  private readonly measured: EngineProfile;
  private readonly layerBytes: readonly number[];
  private ratios: number[] = [];
  /** How much slower serving is than measuring was; never less than 1. */
  private slowdown = 1;
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
    this.ratios.push(ms / this.measuredMs({ rows, layers, head }));
    if (this.ratios.length < TOKENS || nowMs - this.sinceMs < SAMPLE_MS) return null;
    const ratio = meanOfMost(this.ratios);
    this.ratios = [];
    this.sinceMs = nowMs;
    if (ratio > 1 && Number.isFinite(ratio)) this.slowdown = ratio;
    return Number.isFinite(ratio) ? scaled(this.measured, ratio) : null;
  }

  /** What a forward takes by what this device knows of itself, ms. */
  expectedMs(work: ForwardWork): number {
    return this.slowdown * this.measuredMs(work);
  }

  private measuredMs({ rows, layers, head }: ForwardWork): number {
    const { forwardOverheadMs, decodeLayerMs, prefillLayerMsPerToken, headMs } = this.measured;
    const layerMs = rows === 1 ? decodeLayerMs : Math.max(decodeLayerMs, rows * prefillLayerMsPerToken);
    return forwardOverheadMs + this.meanLayers(layers) * layerMs + (head ? headMs : 0);
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
