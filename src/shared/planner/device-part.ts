/** Layers [startLayer, endLayer) on one device. The parts of a chain follow each other; the last one has the head. */
export interface Part {
  device: number;
  startLayer: number;
  endLayer: number;
}

/** A chain with what one pass through it costs. */
export interface PassPlan {
  parts: Part[];
  passMs: number;
  bottleneckMs: number;
}

/** Parts in order, each with so many layers. */
export function partsOf(devices: readonly number[], layers: readonly number[]): Part[] {
  let startLayer = 0;
  return devices.map((device, i) => {
    const endLayer = startLayer + layers[i]!;
    const part = { device, startLayer, endLayer };
    startLayer = endLayer;
    return part;
  });
}
