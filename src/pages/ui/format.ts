import type { LayerRange } from '../../shared/model/layer-range.ts';
import type { LoadProgress } from '../../shared/model/load-progress.ts';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** Decimal units, three digits: `1.25 GB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  return `${formatNumber(bytes / 1000 ** power)} ${UNITS[power]}`;
}

/** Three significant digits below 100, whole numbers above, no trailing zeros. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

export function formatMs(ms: number): string {
  return ms >= 1000 ? `${formatNumber(ms / 1000)} s` : `${formatNumber(ms)} ms`;
}

export function formatRate(perSecond: number): string {
  return `${formatNumber(perSecond)} tokens/s`;
}

/** Whole percent; a shard of no bytes is loaded. */
export function loadedPercent({ loadedBytes, shardBytes }: LoadProgress): number {
  return shardBytes === 0 ? 100 : Math.min(100, Math.floor((100 * loadedBytes) / shardBytes));
}

/** First and last layer, both included, counted from 0: `0-3`; one layer is `3`, none is ``. */
export function layerSpan({ startLayer, endLayer }: LayerRange): string {
  if (endLayer <= startLayer) return '';
  return endLayer - startLayer === 1 ? String(startLayer) : `${startLayer}-${endLayer - 1}`;
}

/** For people: `layers 0–3`, `layer 3`, `no layers`. */
export function layerWords(range: LayerRange): string {
  const span = layerSpan(range);
  if (span === '') return 'no layers';
  return span.includes('-') ? `layers ${span.replace('-', '–')}` : `layer ${span}`;
}
