import type { RoomView } from '../../room/room-view.ts';
import { DeviceList } from '../ui/device-list.tsx';
import { deviceRows } from '../ui/device-rows.ts';
import type { Failures } from '../ui/failures.ts';
import { formatMs } from '../ui/format.ts';
import type { PageSession } from '../ui/page-session.ts';
import { Diagnostics } from './diagnostics.tsx';
import { PlanView } from './plan-view.tsx';
import { SettingsPanel } from './settings-panel.tsx';
import { ShareView } from './share-view.tsx';
import { ThisDevice } from './this-device.tsx';

interface Props {
  view: RoomView;
  session: PageSession;
  failures: Failures;
  origin: string;
  /** Of the last answer; null before there is one. */
  measuredMsPerToken: number | null;
}

/** Beside the conversation, or on a phone folded above it: the devices, the plan, and what can be changed. */
export function RoomPanel({ view, session, failures, origin, measuredMsPerToken }: Props) {
  const { room, isHost } = view;
  const canTell = view.phase === 'joined';
  if (room === null) return null;
  return (
    <aside class="room-panel">
      <details open={matchMedia('(min-width: 60rem)').matches}>
        <summary class="panel-summary" data-testid="panel-summary">
          {summaryWords(view)}
        </summary>
        <div class="room-panel-body">
          <PlanView view={view} measuredMsPerToken={measuredMsPerToken} />
          <h2>Devices</h2>
          <DeviceList
            rows={deviceRows(view)}
            canRemove={canTell}
            failures={failures}
            onRemove={isHost ? (peerId) => session.removePeer(peerId) : null}
          />
          <ThisDevice
            self={view.self}
            setDonates={(donates) => void failures.attempt(() => session.setDonates(donates))}
            setLendBytes={(lendBytes) => void failures.attempt(() => session.setLendBytes(lendBytes))}
          />
          {isHost && (
            <SettingsPanel settings={room.settings} canSave={canTell} setSettings={(settings) => session.setSettings(settings)} />
          )}
          <ShareView
            code={room.code}
            joinKey={room.joinKey}
            origin={origin}
            canRenew={canTell}
            onRenew={isHost ? () => failures.attempt(() => session.renewLink()) : null}
          />
          <p class="hint">
            A device that runs layers can, in principle, read what passes through it. Ask what you would say to everybody in the
            room.
          </p>
          <Diagnostics diagnostics={view.diagnostics} />
        </div>
      </details>
    </aside>
  );
}

function summaryWords({ room }: RoomView): string {
  const deviceCount = room?.peers.length ?? 0;
  const devices = deviceCount === 1 ? '1 device' : `${deviceCount} devices`;
  return room?.plan ? `${devices} · about ${formatMs(room.plan.predicted.msPerToken)} per token` : devices;
}
