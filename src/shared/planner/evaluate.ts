import type { Prediction } from '../model/plan.ts';
import { type CostTables, fits, stageMs } from './cost.ts';
import type { Part } from './split.ts';

/**
 * What the cost model expects of these parts.
 *
 * @returns null when a part does not fit its device, the parts do not cover all layers in order, a device has two of
 * them, or a link is missing.
 */
export function predict(tables: CostTables, parts: readonly Part[]): Prediction | null {
  if (!coversAllLayersOnce(tables, parts)) return null;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!parts.every((part) => fits(tables, part.device, part.startLayer, part.endLayer, part === last))) return null;
  const stages = parts.map((part) => stageMs(tables, part.device, part.endLayer - part.startLayer, part === last));
  const hops = parts.slice(1).map((part, i) => tables.hopMs[parts[i]!.device]![part.device]!);
  const links = [tables.entryMs[first.device]!, ...hops, tables.exitMs[last.device]!];
  const msPerToken = [...stages, ...links].reduce((sum, ms) => sum + ms, 0);
  if (!Number.isFinite(msPerToken)) return null;
  return { msPerToken, bottleneckMs: Math.max(...stages, ...links), stageMs: stages, linkMs: links };
}

function coversAllLayersOnce(tables: CostTables, parts: readonly Part[]): boolean {
  if (parts.length === 0 || new Set(parts.map((p) => p.device)).size !== parts.length) return false;
  let layer = 0;
  for (const part of parts) {
    if (part.startLayer !== layer || part.endLayer <= layer) return false;
    layer = part.endLayer;
  }
  return layer === tables.nLayers;
}
