import type { RoomView } from '../../room/room-view.ts';
import type { DeviceProfile } from '../../shared/model/device-profile.ts';
import { ENGINE_NAMES, engineWords } from '../texts/engines.ts';
import { formatMs, layerSpan, layerWords } from '../ui/format.ts';

/** What this device is, what it measured of itself, and what it has done. */
export function DeviceFacts({ view }: { view: RoomView }) {
  const { self, room, selfId } = view;
  const name = room?.peers.find((peer) => peer.peerId === selfId)?.name;
  return (
    <>
      <dl class="facts">
        {name !== undefined && <Fact term="Name">{name}</Fact>}
        {self.profile !== null && <ProfileFacts profile={self.profile} />}
        <dt>Layers</dt>
        <dd
          data-testid="donate-layers"
          data-layers={self.stage === null ? '' : layerSpan(self.stage.layers)}
          data-head={self.stage?.head ?? false}
        >
          {self.stage === null ? 'none yet' : layersText(view)}
        </dd>
        <dt>Tokens served</dt>
        <dd data-testid="tokens-served">{self.tokensServed}</dd>
      </dl>
      {self.engineNote !== null && (
        <p class="hint" data-testid="engine-note">
          {engineWords(self.engineNote)}
        </p>
      )}
    </>
  );
}

function ProfileFacts({ profile }: { profile: DeviceProfile }) {
  return (
    <>
      <Fact term="Runs on">{`${ENGINE_NAMES[profile.engine]}: ${profile.adapter}`}</Fact>
      {profile.variant !== undefined && <Fact term="Tuned to">{profile.variant}</Fact>}
      <Fact term="Measured">
        {`${formatMs(profile.decodeLayerMs)} per layer and token, ${formatMs(profile.prefillLayerMsPerToken)} while reading, ${formatMs(profile.forwardOverheadMs)} per step`}
      </Fact>
    </>
  );
}

function Fact({ term, children }: { term: string; children: string }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </>
  );
}

function layersText({ self, room }: RoomView): string {
  if (self.stage === null) return '';
  const total = room?.model ? ` of ${room.model.nLayers}` : '';
  return `${layerWords(self.stage.layers)}${total}${self.stage.head ? ', and the output' : ''}`;
}
