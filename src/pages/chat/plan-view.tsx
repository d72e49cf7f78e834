import type { ModelSpec } from '../../shared/model/model-spec.ts';
import type { Plan } from '../../shared/model/plan.ts';
import type { RoomState } from '../../shared/protocol/signaling.ts';
import { formatMs, formatRate } from '../ui/format.ts';
import { LayerBar } from '../ui/layer-bar.tsx';

/** Who runs which layers, how fast that should be, and why. */
export function PlanView({ room }: { room: RoomState }) {
  const plan = room.plan ?? room.preparing;
  return (
    <section class="plan" aria-label="Plan">
      {room.model !== null && <p class="model">{modelWords(room.model)}</p>}
      {plan !== null && (
        <>
          <LayerBar
            stages={plan.stages}
            nameOf={(peerId) => room.peers.find((peer) => peer.peerId === peerId)?.name ?? `device ${peerId}`}
          />
          <p class="predicted" data-testid="plan-predicted" data-epoch={plan.epoch}>
            {predictedWords(plan)}
          </p>
          <p class="why" data-testid="plan-why">
            {plan.why}
          </p>
          <p class="hint">
            Activations travel as {plan.wireDtype === 'f32' ? '32-bit' : '16-bit'} numbers; each chat may hold{' '}
            {plan.contextLength} tokens.
          </p>
        </>
      )}
      {room.plan !== null && room.preparing !== null && <p class="hint">A new plan is being loaded; answers go on meanwhile.</p>}
    </section>
  );
}

function modelWords(model: ModelSpec): string {
  return `${model.name} · ${model.nLayers} layers · ${model.quantisation}`;
}

function predictedWords({ predicted }: Plan): string {
  return `about ${formatMs(predicted.msPerToken)} per token (${formatRate(1000 / predicted.msPerToken)}) by the plan`;
}
