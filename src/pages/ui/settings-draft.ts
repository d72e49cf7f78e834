import { DEFAULT_MODEL_URL, type RoomSettings } from '../../shared/model/room-settings.ts';

/** Settings as the form holds them: what was typed, valid or not. */
export interface SettingsDraft {
  /** Empty for the built-in story teller. */
  model: string;
  /** Empty for the default. */
  context: string;
  wireDtype: RoomSettings['wireDtype'];
  objective: RoomSettings['objective'];
  /** What the other devices may see of what is said. */
  privacy: Privacy;
}

/** `private`: embedding, first layer and head run on each chat's own device. */
export type Privacy = 'open' | 'private';

export const MIN_CONTEXT = 16;
export const MAX_CONTEXT = 131_072;

export type DraftReading = { ok: true; settings: RoomSettings } | { ok: false; field: 'model' | 'context'; message: string };

export function draftOf(settings: RoomSettings): SettingsDraft {
  return {
    model: settings.modelUrl === DEFAULT_MODEL_URL ? '' : settings.modelUrl,
    context: settings.contextLength === null ? '' : String(settings.contextLength),
    wireDtype: settings.wireDtype,
    objective: settings.objective,
    privacy: settings.sourceLayers > 0 && settings.headOnSource ? 'private' : 'open',
  };
}

/** Reads a draft. `origin` is the page's: an address without one stays relative to it, so that every device can use it. */
export function readDraft(draft: SettingsDraft, origin: string): DraftReading {
  const modelUrl = readModelUrl(draft.model.trim(), origin);
  if (modelUrl === null) {
    return { ok: false, field: 'model', message: `"${draft.model}" is not the http(s) address of a model file` };
  }
  const contextLength = draft.context.trim() === '' ? null : Number(draft.context);
  if (
    contextLength !== null &&
    !(Number.isInteger(contextLength) && contextLength >= MIN_CONTEXT && contextLength <= MAX_CONTEXT)
  ) {
    const message = `context is ${draft.context} tokens, a whole number from ${MIN_CONTEXT} to ${MAX_CONTEXT} is allowed`;
    return { ok: false, field: 'context', message };
  }
  const { wireDtype, objective, privacy } = draft;
  const isPrivate = privacy === 'private';
  const settings = { modelUrl, contextLength, wireDtype, objective, sourceLayers: isPrivate ? 1 : 0, headOnSource: isPrivate };
  return { ok: true, settings };
}

function readModelUrl(typed: string, origin: string): string | null {
  if (typed === '') return DEFAULT_MODEL_URL;
  if (!URL.canParse(typed, origin)) return null;
  const url = new URL(typed, origin);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null;
  return url.origin === origin ? `${url.pathname}${url.search}` : url.href;
}
