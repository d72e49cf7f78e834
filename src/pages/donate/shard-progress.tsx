import type { LoadProgress } from '../../shared/model/load-progress.ts';
import { formatBytes, loadedPercent } from '../ui/format.ts';

/** The bytes of this device's own part of the model. */
export function ShardProgress({ load }: { load: LoadProgress | null }) {
  if (load === null) return null;
  return (
    <label class="shard">
      <span>
        {formatBytes(load.loadedBytes)} of {formatBytes(load.shardBytes)} loaded ({loadedPercent(load)}%)
      </span>
      <progress data-testid="donate-progress" value={load.loadedBytes} max={Math.max(1, load.shardBytes)} />
    </label>
  );
}
