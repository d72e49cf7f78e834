import { randomBytes } from 'node:crypto';
import { io, type Socket } from 'socket.io-client';
import type { Plan } from '../../src/shared/model/plan.ts';
import { applyRoomChange } from '../../src/shared/protocol/room-change.ts';
import {
  BEAT_INTERVAL_MS,
  type ClientEvent,
  type ClientReply,
  type ClientRequest,
  PROTOCOL_VERSION,
  type Result,
  type RoomChange,
  type RoomState,
} from '../../src/shared/protocol/signaling.ts';

export interface Entrance {
  code: string;
  joinKey: string;
  hostKey: string | null;
}

/** What a tab says to the server and hears of it, without the tab. */
export class RoomClient {
  /** As this client knows it: the state that came with joining, and every change since. */
  room: RoomState | null = null;
  prepared: Plan | null = null;
  peerId = 0;
  private readonly socket: Socket;
  private readonly early: RoomChange[] = [];
  private beats: NodeJS.Timeout | null = null;

  constructor(url: string) {
    this.socket = io(url, { forceNew: true, reconnection: false });
    this.socket.on('room:change', (change: RoomChange) => {
      if (this.room) this.room = applyRoomChange(this.room, change);
      else this.early.push(change);
    });
    this.socket.on('plan:prepare', ({ plan }: { plan: Plan }) => {
      this.prepared = plan;
    });
  }

  /** @throws Error with what the server refused */
  async ask<E extends ClientEvent>(event: E, request: ClientRequest<E>): Promise<ClientReply<E>> {
    const result: Result<ClientReply<E>> = await this.socket.emitWithAck(event, request);
    if (!result.ok) throw new Error(`${event}: ${result.error.code}: ${result.error.message}`);
    return result.value;
  }

  async join(entrance: Entrance, donates: boolean): Promise<void> {
    const identity = { passphrase: null, tabKey: randomBytes(24).toString('base64url'), name: 'Firefox on Android' };
    const joined = await this.ask('room:join', { version: PROTOCOL_VERSION, ...entrance, ...identity, donates, chats: !donates });
    if (this.early.length > 0) throw new Error('the server told of changes before it had answered');
    this.peerId = joined.peerId;
    this.room = joined.room;
    this.beats = setInterval(() => void this.ask('beat', {}), BEAT_INTERVAL_MS);
  }

  close(): void {
    if (this.beats) clearInterval(this.beats);
    this.socket.disconnect();
  }
}
