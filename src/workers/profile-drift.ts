import type { EngineProfile } from '../engine/device-profile.ts';
import type { ServedForward } from '../pipeline/stage-host.ts';

/** So many single tokens must agree before they count more than the measurement. */
const SAMPLES = 24;
/** Less than this is noise, not another speed. */
const DRIFT = 0.2;

/** Whether a time that is `ratio` of the expected one means another speed. */
export function isDrift(ratio: number): boolean {
  return Number.isFinite(ratio) && (ratio > 1 + DRIFT || ratio < 1 / (1 + DRIFT));
}

/** Compares what single tokens take on this device with what its profile says. */
export class ProfileDrift {
  private profile: EngineProfile;
  private ratios: number[] = [];

  constructor(profile: EngineProfile) {
    this.profile = profile;
  }

  /** @returns the corrected profile when the median of the last tokens is off by more than a fifth, else null */
  observe({ rows, layers, head, ms }: ServedForward): EngineProfile | null {
    if (rows !== 1 || layers === 0 || ms === null) return null;
    const { forwardOverheadMs, decodeLayerMs, headMs } = this.profile;
    this.ratios.push(ms / (forwardOverheadMs + layers * decodeLayerMs + (head ? headMs : 0)));
    if (this.ratios.length < SAMPLES) return null;
    const ratio = this.ratios.sort((a, b) => a - b)[SAMPLES >> 1]!;
    this.ratios = [];
    if (!isDrift(ratio)) return null;
    this.profile = scaled(this.profile, ratio);
    return this.profile;
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
