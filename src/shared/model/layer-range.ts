/** A contiguous run of decoder layers, [startLayer, endLayer). */
export interface LayerRange {
  startLayer: number;
  endLayer: number;
}

export function layerCount(range: LayerRange): number {
  return range.endLayer - range.startLayer;
}

export function hasLayer(range: LayerRange, layer: number): boolean {
  return layer >= range.startLayer && layer < range.endLayer;
}

export function layersOf(range: LayerRange): number[] {
  return Array.from({ length: layerCount(range) }, (_, i) => range.startLayer + i);
}
