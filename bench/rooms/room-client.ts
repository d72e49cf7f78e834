import { io, type Socket } from 'socket.io-client';
import type { ClientEvent, ClientReply, ClientRequest, Result, ServerMessage } from '../../src/shared/protocol/signaling.ts';

/** A tab of a room, without its page: it says what a tab says and hears what it hears. */
export class RoomClient {
  peerId = 0;
  /** The newest plan that it was told to load. */
  preparing: ServerMessage<'plan:prepare'>['plan'] | null = null;
  private readonly socket: Socket;

  constructor(url: string) {
    this.socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false });
    this.socket.on('plan:prepare', ({ plan }: ServerMessage<'plan:prepare'>) => {
      this.preparing = plan;
    });
  }

  /** @throws Error with the refusal's code */
  async ask<E extends ClientEvent>(event: E, request: ClientRequest<E>): Promise<ClientReply<E>> {
    const result: Result<ClientReply<E>> = await this.socket.timeout(30_000).emitWithAck(event, request);
    if (result.ok) return result.value;
    throw new Error(`${event}: ${result.error.code}: ${result.error.message}`);
  }

  close(): void {
    this.socket.disconnect();
  }
}
