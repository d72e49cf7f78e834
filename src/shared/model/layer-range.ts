import * as v from 'valibot';
import { MAX_LAYERS } from './limits.ts';
import { count } from './numbers.ts';

const layer = v.pipe(count, v.maxValue(MAX_LAYERS));

/** A contiguous run of decoder layers, [startLayer, endLayer). */
export const LayerRangeSchema = v.strictObject({ startLayer: layer, endLayer: layer });
export type LayerRange = v.InferOutput<typeof LayerRangeSchema>;

export function layerCount(range: LayerRange): number {
  return range.endLayer - range.startLayer;
}

export function hasLayer(range: LayerRange, layer: number): boolean {
  return layer >= range.startLayer && layer < range.endLayer;
}

export function layersOf(range: LayerRange): number[] {
  return Array.from({ length: layerCount(range) }, (_, i) => range.startLayer + i);
}
