import type { EngineProfile } from '../engine/device-profile.ts';
import type { ServedForward } from '../pipeline/stage-host.ts';

/** So many single tokens, over so long a time, make one sample: fewer tell of a moment, more often tells nobody more. */
const TOKENS = 24;
const SAMPLE_MS = 500;

/** What serving says of a device's speed, beside what it measured on its own. */
export class ServedSpeed {
  private readonly measured: EngineProfile;
  private ratios: number[] = [];
  private sinceMs: number;

  /** @param measured by the device on its own: the shares of layers, head and overhead in a forward come from it */
  constructor(measured: EngineProfile, nowMs: number) {
    this.measured = measured;
    this.sinceMs = nowMs;
  }

  /** @returns the profile as the median of the last tokens has it, when there are enough of them; else null */
  observe({ rows, layers, head, ms }: ServedForward, nowMs: number): EngineProfile | null {
    if (rows !== 1 || layers === 0 || ms === null) return null;
    const { forwardOverheadMs, decodeLayerMs, headMs } = this.measured;
    this.ratios.push(ms / (forwardOverheadMs + layers * decodeLayerMs + (head ? headMs : 0)));
    if (this.ratios.length < TOKENS || nowMs - this.sinceMs < SAMPLE_MS) return null;
    const ratio = this.ratios.sort((a, b) => a - b)[this.ratios.length >> 1]!;
    this.ratios = [];
    this.sinceMs = nowMs;
    return Number.isFinite(ratio) ? scaled(this.measured, ratio) : null;
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
