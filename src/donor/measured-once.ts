import * as v from 'valibot';
import type { EngineDecision } from '../engine/choose-engine.ts';
import type { EngineProfile } from '../engine/device-profile.ts';
import { type KeptValues, keptIn } from '../engine/kept-values.ts';
import { DeviceProfileSchema } from '../shared/model/device-profile.ts';
import { ErrorReportSchema } from '../shared/protocol/error-report.ts';
import { withLock } from './with-lock.ts';

/** What measuring a device came to. */
export interface Measured extends EngineDecision {
  profile: EngineProfile;
}

/** Measured by a tab that was just starting, or by one that had been idle for a while, which tells more. */
export type MeasuredWhen = 'start' | 'calm';

/** Of what is kept. Whoever changes what a measurement says counts this up. */
const VERSION = 1;
/** Tabs that open one after the other share a result; a device that has since become hot or is plugged in is measured again, ms. */
const FRESH_MS = 5 * 60_000;

const EngineProfileSchema = v.omit(DeviceProfileSchema, ['lendBytes']);
const engine = DeviceProfileSchema.entries.engine;
const EngineNoteSchema = v.variant('code', [
  v.strictObject({ code: v.literal('as-asked'), engine }),
  v.strictObject({ code: v.literal('fastest'), engine, tokenMs: v.number(), next: engine, nextTokenMs: v.number() }),
  v.strictObject({
    code: v.literal('instead'),
    engine,
    missing: engine,
    because: v.union([ErrorReportSchema, v.picklist(['not-offered', 'not-tried'])]),
  }),
]);
const KeptSchema = v.strictObject({
  atMs: v.number(),
  when: v.picklist(['start', 'calm']),
  measured: v.strictObject({ engine, why: EngineNoteSchema, profile: EngineProfileSchema }),
});
type Kept = v.InferOutput<typeof KeptSchema>;

/**
 * Measures unless a tab of this browser has just done so, and never while another does: two measurements at once would each see
 * half a device.
 *
 * @param key of what is measured: model shape, engine choice, browser
 * @param isGood asked afterwards, whether other tabs may take this result
 * @throws what `measure` throws
 */
export async function measuredOnce(
  key: string,
  when: MeasuredWhen,
  measure: () => Promise<Measured>,
  isGood: () => boolean = () => true,
  { store, nowMs }: { store: KeptValues; nowMs: () => number } = { store: keptIn(`measured-${VERSION}`), nowMs: Date.now },
): Promise<Measured> {
  return withLock('edgeshard-measuring', async () => {
    const kept = readKept(await store.get(key));
    if (kept && isFresh(kept, nowMs()) && (when === 'start' || kept.when === 'calm')) return kept.measured;
    const measured = await measure();
    if (isGood()) await store.put(key, JSON.stringify({ atMs: nowMs(), when, measured } satisfies Kept));
    return measured;
  });
}

/** The clock may have been set back. */
function isFresh({ atMs }: Kept, nowMs: number): boolean {
  return atMs <= nowMs && nowMs - atMs < FRESH_MS;
}

function readKept(text: string | null): Kept | null {
  try {
    const parsed = v.safeParse(KeptSchema, JSON.parse(text ?? 'null'));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
