import type { ForwardRequest, ForwardResult, SequenceKey } from '../engine/shard-engine.ts';
import type { LayerRange } from '../shared/model/layer-range.ts';
import type { PeerId } from '../shared/model/link-profile.ts';
import type { Plan, Stage } from '../shared/model/plan.ts';
import { type ForwardFrame, type HiddenRows, type ReplyFrame, type Run, rowsOf } from '../shared/protocol/frame.ts';
import { digestOf, digestOfReply } from './digest.ts';
import { placedRuns } from './frame-runs.ts';
import { endOfPass } from './senders.ts';

/** What a stage has to do with a frame. */
export interface StageWork {
  stage: Stage;
  rows: number;
  layers: LayerRange;
  /** Whether any row goes through the head here. */
  head: boolean;
  /** The replies go out from here. */
  endsHere: boolean;
}

export function workOf(frame: ForwardFrame, plan: Plan, stage: Stage): StageWork {
  const { startLayer, endLayer } = stage.layers;
  return {
    stage,
    rows: rowsOf(frame.runs),
    layers: { startLayer, endLayer: Math.max(startLayer, Math.min(endLayer, frame.untilLayer)) },
    head: stage.head && frame.heads.length > 0 && frame.untilLayer >= endLayer,
    endsHere: endOfPass(plan, frame.untilLayer) === stage,
  };
}

export function forwardRequest(
  frame: ForwardFrame,
  work: StageWork,
  keyOf: (source: PeerId, sequence: number) => SequenceKey,
): ForwardRequest {
  const rows = frame.runs.flatMap(({ source, sequence, position, rows }) => {
    const key = keyOf(source, sequence);
    return Array.from({ length: rows }, (_, i) => ({ sequence: key, position: position + i }));
  });
  return { rows, input: { hidden: frame.hidden }, layers: work.layers, head: work.head ? frame.heads : null };
}

/** What goes on to the next stage. */
export function nextFrame(frame: ForwardFrame, { hidden }: ForwardResult, selfId: PeerId): ForwardFrame {
  return { ...frame, hidden: hidden!, trail: [...frame.trail, { peer: selfId, digest: digestOf([hidden!]) }] };
}

/** One reply for each run: its logits, or its last hidden states where its source holds the head. */
export function repliesOf(
  frame: ForwardFrame,
  work: StageWork,
  result: ForwardResult,
  selfId: PeerId,
): { run: Run; reply: ReplyFrame }[] {
  const { epoch, dim, dtype } = frame;
  return placedRuns(frame).map(({ run, heads }) => {
    const rows = work.head ? heads.map((i) => result.head[i]!) : [];
    const asked = heads.map((i) => frame.heads[i]!.row);
    const hidden = work.head || asked.length === 0 ? null : { dtype, dim, values: rowsAt(result.hidden!, dim, asked) };
    const trail = [...frame.trail, { peer: selfId, digest: digestOfReply(rows, hidden) }];
    return { run, reply: { kind: 'reply', epoch, request: run.request, rows, hidden, trail } };
  });
}

/** (rows, dim) -> (asked rows, dim) */
function rowsAt(hidden: Float32Array, dim: number, asked: readonly number[]): HiddenRows['values'] {
  const values = new Float32Array(asked.length * dim);
  for (const [i, row] of asked.entries()) values.set(hidden.subarray(row * dim, (row + 1) * dim), i * dim);
  return values;
}
