import type { EngineKind } from '../../shared/model/device-profile.ts';
import type { EngineNote } from '../../shared/model/engine-note.ts';
import { formatMs } from '../ui/format.ts';
import { errorLine } from './errors.ts';

/** What lists call an engine. */
export const ENGINE_NAMES: Record<EngineKind, string> = { webgpu: 'WebGPU', cpu: 'CPU', onnx: 'onnxruntime-web' };

/** Why a device uses its engine. */
export function engineWords(note: EngineNote): string {
  const using = `Using ${within(note.engine)}`;
  switch (note.code) {
    case 'as-asked':
      return `${using} as asked.`;
    case 'fastest': {
      const times = `${within(note.engine)} ${formatMs(note.tokenMs)}, ${within(note.next)} ${formatMs(note.nextTokenMs)}`;
      return `${using}: a token through the whole model takes ${times}.`;
    }
    case 'instead':
      return `${using}, as ${within(note.missing)} does not work here: ${becauseWords(note.because)}.`;
  }
}

function becauseWords(because: Extract<EngineNote, { code: 'instead' }>['because']): string {
  if (because === 'not-offered') return 'it is missing in this browser';
  if (because === 'not-tried') return 'it was not tried';
  return errorLine(because);
}

function within(engine: EngineKind): string {
  return engine === 'cpu' ? 'the CPU' : ENGINE_NAMES[engine];
}
