import type { DeviceMessage } from '../shared/model/device-message.ts';
import type { DeviceProfile } from '../shared/model/device-profile.ts';
import type { EngineNote } from '../shared/model/engine-note.ts';
import type { Tell } from './tell-server.ts';
import type { ViewStore } from './view-store.ts';

/** What this tab's own device reports of itself: the view shows it, and the server hears what it plans with. */
export function reportDevice(message: DeviceMessage, view: ViewStore, tell: Tell): void {
  switch (message.kind) {
    case 'measuring':
      view.updateSelf({ measuring: true });
      break;
    case 'profile':
      tell('peer:profile', { profile: message.profile, origin: message.origin });
      if (message.origin !== 'served') showMeasured(view, message.profile, message.engineNote);
      break;
    case 'device-failed':
      view.updateSelf({ measuring: false });
      view.update({ error: message.error });
      break;
    case 'progress':
      tell('peer:progress', { epoch: message.epoch, ...message.progress });
      view.updateSelf({ load: message.progress });
      break;
    case 'stage':
      view.updateSelf({ stage: message.stage });
      break;
    case 'served':
      view.updateSelf({ tokensServed: message.tokensServed });
      break;
    case 'stored': {
      const { modelUrl, layers, head } = message;
      tell('peer:stored', { modelUrl, layers: [...layers], head });
      view.updateSelf({ notKept: null });
      break;
    }
    case 'store-full':
      view.updateSelf({ notKept: { neededBytes: message.neededBytes, freeBytes: message.freeBytes } });
      break;
  }
}

function showMeasured(view: ViewStore, profile: DeviceProfile, engineNote: EngineNote): void {
  const { engine, lendBytes } = profile;
  view.updateSelf({ measuring: false, profile, engine, engineNote, lendBytes });
}
