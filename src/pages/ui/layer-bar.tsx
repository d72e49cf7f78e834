import { layerCount } from '../../shared/model/layer-range.ts';
import type { PeerId } from '../../shared/model/link-profile.ts';
import type { Stage } from '../../shared/model/plan.ts';
import { layerSpan, layerWords } from './format.ts';

/** As many colours as the stylesheet has; a longer chain starts over, and the numbers tell devices apart. */
const STAGE_COLOURS = 8;

export function stageClass(stageIndex: number): string {
  return `stage-${stageIndex % STAGE_COLOURS}`;
}

interface Props {
  stages: readonly Stage[];
  nameOf: (peerId: PeerId) => string;
}

/** The model from its first layer to its last, coloured by the device that runs each part. */
export function LayerBar({ stages, nameOf }: Props) {
  return (
    <div class="layer-bar" role="img" aria-label={barWords(stages, nameOf)} data-testid="layer-bar">
      {stages.map((stage, index) => (
        <span
          key={stage.peerId}
          class={`layer-part ${stageClass(index)}`}
          style={{ flexGrow: Math.max(1, layerCount(stage.layers)) }}
        >
          {layerSpan(stage.layers) || 'output'}
        </span>
      ))}
    </div>
  );
}

/** The bar in words: "layers 0–3 on Chrome on Linux, then layers 4–7 and the output on Safari on iPhone". */
export function barWords(stages: readonly Stage[], nameOf: (peerId: PeerId) => string): string {
  return stages
    .map(({ layers, head, peerId }) => `${layerWords(layers)}${head ? ' and the output' : ''} on ${nameOf(peerId)}`)
    .join(', then ');
}
