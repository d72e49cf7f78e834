import { AppError, type ErrorReport } from '../shared/errors.ts';
import type { EngineChoice, EngineKind } from '../shared/model/device-profile.ts';
import type { EngineNote } from '../shared/model/engine-note.ts';
import type { EngineProfile } from './device-profile.ts';

export interface EngineDecision {
  engine: EngineKind;
  why: EngineNote;
}

type Missing = Partial<Record<EngineKind, ErrorReport>>;

/**
 * Which engine a device uses: the one its owner named, if it is there, else the one that needs less time for a token.
 *
 * @param profiles of the engines that could be started
 * @param missing why an engine could not
 * @throws AppError no-devices when no engine works at all
 */
export function chooseEngine(
  choice: EngineChoice,
  profiles: readonly EngineProfile[],
  nLayers: number,
  missing: Missing = {},
): EngineDecision {
  const chosen = profiles.find(({ engine }) => engine === choice);
  if (chosen) return { engine: chosen.engine, why: { code: 'as-asked', engine: chosen.engine } };
  const [fastest, second] = [...profiles].sort((a, b) => tokenMs(a, nLayers) - tokenMs(b, nLayers));
  if (!fastest) {
    const reasons = Object.values(missing).map(({ message }) => message);
    const values = { missing: reasons.join('; ') };
    throw new AppError('no-devices', `no engine works on this device: ${values.missing}`, { values });
  }
  return { engine: fastest.engine, why: explain(choice, fastest, second, nLayers, missing) };
}

/**
 * Whether a device has a GPU that our own kernels do not suit: they fail on it, or a token takes longer than on the processor.
 * An adapter on the processor is no such GPU.
 */
export function isGpuSlow(
  profiles: readonly EngineProfile[],
  nLayers: number,
  adapter: { available: boolean; isFallbackAdapter: boolean },
): boolean {
  if (!adapter.available || adapter.isFallbackAdapter) return false;
  const [gpu, cpu] = (['webgpu', 'cpu'] as const).map((kind) => profiles.find(({ engine }) => engine === kind));
  return !gpu || (cpu !== undefined && tokenMs(cpu, nLayers) < tokenMs(gpu, nLayers));
}

function explain(
  choice: EngineChoice,
  fastest: EngineProfile,
  second: EngineProfile | undefined,
  nLayers: number,
  missing: Missing,
): EngineNote {
  const { engine } = fastest;
  if (second && (choice === 'auto' || missing[choice] === undefined)) {
    const times = { tokenMs: tokenMs(fastest, nLayers), nextTokenMs: tokenMs(second, nLayers) };
    return { code: 'fastest', engine, next: second.engine, ...times };
  }
  const absent = choice === 'auto' ? (engine === 'webgpu' ? 'cpu' : 'webgpu') : choice;
  const because = missing[absent] ?? (choice === absent ? 'not-offered' : 'not-tried');
  return { code: 'instead', engine, missing: absent, because };
}

/** One token through every layer and the head, as if the device were alone, ms. */
function tokenMs(profile: EngineProfile, nLayers: number): number {
  return profile.forwardOverheadMs + nLayers * profile.decodeLayerMs + profile.headMs;
}
