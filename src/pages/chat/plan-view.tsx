import type { RoomView } from '../../room/room-view.ts';
import type { ModelSpec } from '../../shared/model/model-spec.ts';
import { planWords } from '../texts/plans.ts';
import { LayerBar } from '../ui/layer-bar.tsx';
import { peerWords, quotedPeer } from '../ui/peer-words.ts';
import { SpeedView } from './speed-view.tsx';

interface Props {
  view: RoomView;
  /** Of the last answer; null before there is one. */
  measuredMsPerToken: number | null;
}

/** Who runs which layers, how fast that should be and is, and why. */
export function PlanView({ view, measuredMsPerToken }: Props) {
  const { room } = view;
  if (room === null) return null;
  const plan = room.plan ?? room.preparing;
  return (
    <section class="plan" aria-label="Plan">
      {room.model !== null && <p class="model">{modelWords(room.model)}</p>}
      {plan !== null && (
        <>
          <LayerBar stages={plan.stages} nameOf={(peerId) => peerWords(view, peerId)} />
          <SpeedView
            predicted={plan.predicted}
            chats={room.peers.filter(({ chats }) => chats).length}
            measuredMsPerToken={measuredMsPerToken}
          />
          <p class="why" data-testid="plan-why">
            {planWords(plan.why, quotedPeer(view))}
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
