import { AppError } from '../shared/errors.ts';
import type { ClientEvent, ClientRequest } from '../shared/protocol/signaling.ts';
import type { SignalingClient } from './signaling-client.ts';
import type { ViewStore } from './view-store.ts';

/** Sends the server what nobody waits for. */
export type Tell = <E extends ClientEvent>(event: E, payload: ClientRequest<E>) => void;

/** They are for another device, and it may have gone by the time that the server reads them: the state of the room says so too. */
const FOR_ANOTHER: readonly ClientEvent[] = ['signal', 'link:report'];

/** Says nothing while this tab is not in its room. A refusal is shown, a server that has gone is not: the tab comes back by itself. */
export function createTell(signaling: Pick<SignalingClient, 'request'>, view: ViewStore): Tell {
  return (event, payload) => {
    if (view.current.phase !== 'joined') return;
    signaling.request(event, payload).catch((thrown: unknown) => {
      const error = AppError.from(thrown);
      if (error.code === 'peer-not-found' && FOR_ANOTHER.includes(event)) return;
      if (view.current.phase === 'joined' && error.code !== 'server-unreachable') view.update({ error: error.toReport() });
    });
  };
}
