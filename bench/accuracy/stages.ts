import type { LayerRange } from '../../src/shared/model/layer-range.ts';

/** Layers dealt to stages as evenly as they go. */
export function layerRanges(nLayers: number, stages: number): LayerRange[] {
  const cut = (stage: number) => Math.round((stage * nLayers) / stages);
  return Array.from({ length: stages }, (_, stage) => ({ startLayer: cut(stage), endLayer: cut(stage + 1) }));
}
