import { AppError } from '../shared/errors.ts';
import type { HeadAsk } from '../shared/model/head-row.ts';
import type { EngineOptions, ForwardRequest, SequenceKey } from './shard-engine.ts';

/** Neighbouring rows of one sequence in a forward. */
export interface SequenceRun {
  sequence: SequenceKey;
  /** Position of the first of them. */
  start: number;
  firstRow: number;
  rowCount: number;
}

/**
 * Checks everything about a request that does not depend on what is loaded, and groups its rows by sequence. Requests
 * come from other devices.
 *
 * @throws AppError frame-malformed (sizes, ids, layers), sequence-gap (rows of a sequence that do not follow each other), context-full
 */
export function checkedRuns({ spec, contextLength }: EngineOptions, request: ForwardRequest): SequenceRun[] {
  const { rows, input, layers, head } = request;
  if (rows.length === 0) throw new AppError('frame-malformed', 'a forward of no rows');
  if (!(layers.startLayer >= 0 && layers.startLayer <= layers.endLayer && layers.endLayer <= spec.nLayers)) {
    throw new AppError('frame-malformed', `layers ${layers.startLayer} to ${layers.endLayer} of a model of ${spec.nLayers}`);
  }
  if ('tokens' in input) {
    checkLength('tokens', input.tokens.length, rows.length);
    checkIds('token', input.tokens, spec.vocabSize);
  } else {
    checkLength('hidden values', input.hidden.length, rows.length * spec.dim);
  }
  if (head) checkHead(head, rows.length, spec.vocabSize);
  const runs = groupRows(request);
  for (const { sequence, start, rowCount } of runs) {
    if (start + rowCount > contextLength) {
      throw new AppError(
        'context-full',
        `sequence ${sequence} would hold ${start + rowCount} tokens, this room allows ${contextLength}`,
        { values: { askedTokens: start + rowCount, contextTokens: contextLength } },
      );
    }
  }
  return runs;
}

function checkLength(what: string, got: number, wanted: number): void {
  if (got !== wanted) throw new AppError('frame-malformed', `${got} ${what} where the rows need ${wanted}`);
}

function checkIds(what: string, ids: Uint32Array, vocabSize: number): void {
  for (const id of ids) {
    if (id >= vocabSize) throw new AppError('frame-malformed', `${what} ${id} in a vocabulary of ${vocabSize}`);
  }
}

function checkHead(asks: readonly HeadAsk[], rowCount: number, vocabSize: number): void {
  let last = -1;
  for (const { row, wantIds, invTemperature } of asks) {
    if (!(Number.isInteger(row) && row > last && row < rowCount)) {
      throw new AppError('frame-malformed', `logits asked of row ${row} of ${rowCount}, after row ${last}`);
    }
    last = row;
    if (wantIds.length > vocabSize) {
      throw new AppError('frame-malformed', `${wantIds.length} ids wanted of row ${row}, the vocabulary has ${vocabSize}`);
    }
    checkIds('wanted id', wantIds, vocabSize);
    if (!(invTemperature > 0 && Number.isFinite(invTemperature))) {
      throw new AppError('frame-malformed', `inverse temperature ${invTemperature}, it must be positive and finite`);
    }
  }
}

function groupRows({ rows }: ForwardRequest): SequenceRun[] {
  const runs: SequenceRun[] = [];
  const seen = new Set<SequenceKey>();
  for (const [index, { sequence, position }] of rows.entries()) {
    const last = runs.at(-1);
    if (last?.sequence === sequence) {
      checkNext(sequence, position, last.start + last.rowCount);
      last.rowCount++;
      continue;
    }
    if (seen.has(sequence)) throw new AppError('sequence-gap', `rows of sequence ${sequence} do not stand next to each other`);
    if (!(Number.isInteger(position) && position >= 0))
      throw new AppError('sequence-gap', `position ${position} of sequence ${sequence}`);
    seen.add(sequence);
    runs.push({ sequence, start: position, firstRow: index, rowCount: 1 });
  }
  return runs;
}

/** @throws AppError sequence-gap */
export function checkNext(sequence: SequenceKey, position: number, next: number): void {
  if (position !== next)
    throw new AppError('sequence-gap', `position ${position} of sequence ${sequence}, whose next is ${next}`);
}
