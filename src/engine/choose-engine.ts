import { AppError } from '../shared/errors.ts';
import type { EngineChoice, EngineKind } from '../shared/model/device-profile.ts';
import type { EngineProfile } from './device-profile.ts';

export interface EngineDecision {
  engine: EngineKind;
  /** One sentence for the page. */
  why: string;
}

const NAMES: Record<EngineKind, string> = { webgpu: 'WebGPU', cpu: 'the CPU', onnx: 'onnxruntime-web' };

/**
 * Which engine a device uses: the one its owner named, if it is there, else the one that needs less time for a token.
 *
 * @param profiles of the engines that could be started
 * @param missing why an engine could not, for the sentence
 * @throws AppError no-devices when no engine works at all
 */
export function chooseEngine(
  choice: EngineChoice,
  profiles: readonly EngineProfile[],
  nLayers: number,
  missing: Partial<Record<EngineKind, string>> = {},
): EngineDecision {
  const chosen = profiles.find(({ engine }) => engine === choice);
  if (chosen) return { engine: chosen.engine, why: `Using ${NAMES[chosen.engine]} as asked.` };
  const [fastest, second] = [...profiles].sort((a, b) => tokenMs(a, nLayers) - tokenMs(b, nLayers));
  if (!fastest) throw new AppError('no-devices', `no engine works on this device: ${Object.values(missing).join('; ')}`);
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
  missing: Partial<Record<EngineKind, string>>,
): string {
  if (second && (choice === 'auto' || missing[choice] === undefined)) {
    const times = [fastest, second].map((profile) => `${NAMES[profile.engine]} ${tokenMs(profile, nLayers).toFixed(1)} ms`);
    return `Using ${NAMES[fastest.engine]}: a token through the whole model takes ${times.join(', ')}.`;
  }
  const absent = choice === 'auto' ? (fastest.engine === 'webgpu' ? 'cpu' : 'webgpu') : choice;
  const reason = missing[absent] ?? (choice === absent ? 'it is missing in this browser' : 'it was not tried');
  return `Using ${NAMES[fastest.engine]}, as ${NAMES[absent]} does not work here: ${reason}.`;
}

/** One token through every layer and the head, as if the device were alone, ms. */
function tokenMs(profile: EngineProfile, nLayers: number): number {
  return profile.forwardOverheadMs + nLayers * profile.decodeLayerMs + profile.headMs;
}
