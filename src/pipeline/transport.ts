import type { PeerId } from '../shared/model/link-profile.ts';
import type { Frame } from '../shared/protocol/frame.ts';
import type { PipelineMessage } from '../shared/protocol/peer.ts';

/**
 * How a coordinator or a stage reaches the others. What one sender gives for one receiver arrives in that order, frames
 * and messages alike; a receiver that is this very device gets the frame itself, without encoding.
 *
 * @throws AppError peer-lost from either call when there is no open link to that peer.
 */
export interface Transport {
  readonly selfId: PeerId;
  /** Whether there is a link to that device, or it is this one. */
  isOpen(peerId: PeerId): boolean;
  sendFrame(to: PeerId, frame: Frame): void;
  sendMessage(to: PeerId, message: PipelineMessage): void;
}
