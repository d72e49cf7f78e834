import type { RoomView } from '../../room/room-view.ts';
import type { DeviceRow, DeviceState } from '../ui/device-rows.ts';

export type DonationState = DeviceState | 'joining' | 'reconnecting';

/** What the page says that its device is doing. The connection comes first: what the room said last may be over. */
export function donationState(view: RoomView, own: DeviceRow | null): { state: DonationState; text: string } {
  if (view.phase === 'reconnecting') return { state: 'reconnecting', text: 'Server away, going on.' };
  if (own === null) return { state: 'joining', text: 'Joining the room…' };
  if (view.self.measuring) return { state: 'measuring', text: 'Measuring how fast this device is…' };
  return { state: own.state, text: own.stateText };
}
