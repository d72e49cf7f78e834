import type { DeviceRow } from './device-rows.ts';
import { formatBytes, formatMs, layerSpan } from './format.ts';
import { stageClass } from './layer-bar.tsx';

/** Every device in the room: what it is, how fast, what it does. */
export function DeviceList({ rows }: { rows: readonly DeviceRow[] }) {
  return (
    <ul class="devices">
      {rows.map((row) => (
        <DeviceItem key={row.peerId} row={row} />
      ))}
    </ul>
  );
}

function DeviceItem({ row }: { row: DeviceRow }) {
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
          {row.name} {row.isSelf && <span class="tag">this device</span>} {row.isHost && <span class="tag">host</span>}
        </p>
        <p class="device-state">{row.stateText}</p>
        {row.profile !== null && <DeviceFacts profile={row.profile} />}
        {row.link?.state === 'failed' && (
          <p class="device-advice" data-testid="link-advice">
            No direct link: {row.link.advice}
          </p>
        )}
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

export const ENGINE_NAMES = { webgpu: 'WebGPU', cpu: 'CPU', onnx: 'onnxruntime-web' } as const;
