import type { ComponentChildren } from 'preact';
import type { PeerId } from '../../shared/model/link-profile.ts';
import { ENGINE_NAMES } from '../texts/engines.ts';
import { linkAdvice } from '../texts/links.ts';
import type { DeviceRow } from './device-rows.ts';
import type { Failures } from './failures.ts';
import { formatBytes, formatMs, layerSpan } from './format.ts';
import { stageClass } from './layer-bar.tsx';
import { RemoveDevice } from './remove-device.tsx';

interface Props {
  rows: readonly DeviceRow[];
  /** False while the server is away. */
  canRemove: boolean;
  failures: Failures;
  /** Takes another device out of the room; null for guests. */
  onRemove: ((peerId: PeerId) => Promise<void>) | null;
}

/** Every device in the room: what it is, how fast, what it does. */
export function DeviceList({ rows, canRemove, failures, onRemove }: Props) {
  return (
    <ul class="devices">
      {rows.map((row) => (
        <DeviceItem key={row.peerId} row={row}>
          {onRemove !== null && !row.isSelf && (
            <RemoveDevice name={row.name} canRemove={canRemove} failures={failures} onRemove={() => onRemove(row.peerId)} />
          )}
        </DeviceItem>
      ))}
    </ul>
  );
}

function DeviceItem({ row, children }: { row: DeviceRow; children: ComponentChildren }) {
  return (
    <li
      class="device"
      data-testid="device"
      data-peer-id={row.peerId}
      data-state={row.state}
      data-layers={row.layers === null ? '' : layerSpan(row.layers)}
      data-head={row.head}
      data-engine={row.profile?.engine ?? ''}
    >
      <span class={`swatch ${row.stageIndex === null ? 'stage-none' : stageClass(row.stageIndex)}`} aria-hidden="true">
        {row.stageIndex === null ? '' : row.stageIndex + 1}
      </span>
      <div>
        <p class="device-name">
          {row.name} {row.isSelf && <span class="tag">this device</span>} {row.isHost && <span class="tag">host</span>}{' '}
          {row.isAway && <span class="tag">out of the server's sight</span>}
        </p>
        <p class="device-state">{row.stateText}</p>
        {row.profile !== null && <DeviceFacts profile={row.profile} />}
        {row.link?.state === 'failed' && row.link.advice !== null && (
          <p class="device-advice" data-testid="link-advice">
            No direct link: {linkAdvice(row.link.advice)}
          </p>
        )}
        {children}
      </div>
    </li>
  );
}

function DeviceFacts({ profile }: { profile: NonNullable<DeviceRow['profile']> }) {
  return (
    <p class="device-facts">
      {ENGINE_NAMES[profile.engine]} · {formatMs(profile.decodeLayerMs)} per layer · lends {formatBytes(profile.lendBytes)}
      <br />
      {profile.adapter}
      {profile.variant !== undefined && ` · ${profile.variant}`}
    </p>
  );
}
