import type { SignalingClient } from '../mesh/signaling-client.ts';
import { AppError } from '../shared/errors.ts';
import type { ClientEvent, ClientRequest } from '../shared/protocol/signaling.ts';
import type { ViewStore } from './view-store.ts';

/** Sends the server what nobody waits for. */
export type Tell = <E extends ClientEvent>(event: E, payload: ClientRequest<E>) => void;

/** A refusal is shown, unless the tab has lost its place in the room meanwhile. */
export function createTell(signaling: SignalingClient, view: ViewStore): Tell {
  return (event, payload) => {
    signaling.request(event, payload).catch((error: unknown) => {
      if (view.current.phase === 'joined') view.update({ error: AppError.from(error).toReport() });
    });
  };
}
