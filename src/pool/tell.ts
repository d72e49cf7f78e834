import type { SignalingClient } from '../mesh/signaling-client.ts';
import { AppError } from '../shared/errors.ts';
import type { ClientEvent, ClientRequest } from '../shared/protocol/signaling.ts';
import type { ViewStore } from './view-store.ts';

/** Sends the server what nobody waits for. */
export type Tell = <E extends ClientEvent>(event: E, payload: ClientRequest<E>) => void;

/** Says nothing while this tab is not in its room. A refusal is shown, a server that has gone is not: the tab comes back by itself. */
export function createTell(signaling: Pick<SignalingClient, 'request'>, view: ViewStore): Tell {
  return (event, payload) => {
    if (view.current.phase !== 'joined') return;
    signaling.request(event, payload).catch((thrown: unknown) => {
      const error = AppError.from(thrown);
      if (view.current.phase === 'joined' && error.code !== 'server-unreachable') view.update({ error: error.toReport() });
    });
  };
}
