import { AppError, type ErrorReport } from '../shared/errors.ts';
import { renderTemplate, type TemplateValues } from './render-template.ts';

export interface TemplateTask {
  source: string;
  values: TemplateValues;
}

export type TemplateOutcome = { text: string } | { error: ErrorReport };

globalThis.onmessage = ({ data }: MessageEvent<TemplateTask>) => postMessage(outcomeOf(data));

function outcomeOf({ source, values }: TemplateTask): TemplateOutcome {
  try {
    return { text: renderTemplate(source, values) };
  } catch (thrown) {
    return { error: AppError.from(thrown).toReport() };
  }
}
