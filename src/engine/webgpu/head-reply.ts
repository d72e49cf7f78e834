import { HEAD_TOP, type HeadAsk, type HeadRow } from '../../shared/model/head-row.ts';
import { BAR_WORDS, CANDIDATE_WORDS, GROUP_WORDS, HEAD_CANDIDATES, HEAD_GROUPS } from './kernels/head.ts';

/** With more wanted ids than this, copying the whole row is cheaper than copying them one by one. */
const MAX_PICKED_IDS = 32;

/** Where the parts of a block of head rows lie in the buffer that is read back, in 32-bit words from the block's start. */
export interface HeadLayout {
  asks: readonly HeadAsk[];
  hidden: number;
  groups: number;
  bars: number;
  candidates: number;
  /** Of each row. */
  logits: RowLogits[];
  /** Words in all. */
  words: number;
}

/** Either the whole row of logits, or the wanted ones. */
interface RowLogits {
  start: number;
  words: number;
  isWhole: boolean;
}

export function headLayout(asks: readonly HeadAsk[], dim: number, vocabSize: number): HeadLayout {
  const rows = asks.length;
  const hidden = 0;
  const groups = hidden + rows * dim;
  const bars = groups + rows * GROUP_WORDS;
  const candidates = bars + rows * BAR_WORDS;
  let words = candidates + rows * CANDIDATE_WORDS;
  const logits = asks.map(({ fullRow, wantIds }) => {
    const isWhole = fullRow || wantIds.length > MAX_PICKED_IDS;
    const row = { start: words, words: isWhole ? vocabSize : wantIds.length, isWhole };
    words += row.words;
    return row;
  });
  return { asks, hidden, groups, bars, candidates, logits, words };
}

/**
 * Makes the reply of one row out of what the device left. Null when the whole row is needed: more logits reached the bar
 * than fit, or, because some are no numbers, fewer than there must be. `block` begins at the block's start.
 */
export function headRow(block: ArrayBuffer, layout: HeadLayout, row: number, vocabSize: number): HeadRow | null {
  const { wantIds, fullRow, invTemperature } = layout.asks[row]!;
  const { start, words, isWhole } = layout.logits[row]!;
  const floats = new Float32Array(block);
  const logits = floats.slice(start, start + words);
  const count = new Uint32Array(block)[layout.bars + row * BAR_WORDS + 1]!;
  const topCount = Math.min(HEAD_TOP, vocabSize);
  const gathered = count >= topCount && count <= HEAD_CANDIDATES;
  if (!gathered && !isWhole) return null;
  const candidates = gathered
    ? candidatesAt(block, layout.candidates + row * CANDIDATE_WORDS, count)
    : Array.from(logits, (logit, id) => ({ id, logit }));
  const top = largest(candidates, topCount);
  const groups = floats.subarray(layout.groups + row * GROUP_WORDS, layout.groups + (row + 1) * GROUP_WORDS);
  return {
    logSumExp: joinGroups(groups, 1, 1),
    scaledLogSumExp: joinGroups(groups, 2, invTemperature),
    topIds: Uint32Array.from(top, ({ id }) => id),
    topLogits: Float32Array.from(top, ({ logit }) => logit),
    wantLogits: isWhole ? Float32Array.from(wantIds, (id) => logits[id]!) : logits,
    logits: fullRow ? logits : null,
  };
}

interface Candidate {
  id: number;
  logit: number;
}

function candidatesAt(block: ArrayBuffer, word: number, count: number): Candidate[] {
  const ids = new Uint32Array(block, 4 * word, 2 * count);
  const logits = new Float32Array(block, 4 * word, 2 * count);
  return Array.from({ length: count }, (_, i) => ({ id: ids[2 * i]!, logit: logits[2 * i + 1]! }));
}

/** The device gathers in any order; this order is total, so the result is always the same. */
function largest(candidates: Candidate[], count: number): Candidate[] {
  return candidates.sort((a, b) => b.logit - a.logit || a.id - b.id).slice(0, count);
}

/**
 * log of the sum of exp(scale * logit), from each group's largest logit and its sum of exp(scale * (logit - largest)).
 * `sum` is the place of that sum in a group's four words.
 */
function joinGroups(groups: Float32Array, sum: 1 | 2, scale: number): number {
  let largestLogit = Number.NEGATIVE_INFINITY;
  for (let g = 0; g < HEAD_GROUPS; g++) if (groups[4 * g + sum]! > 0) largestLogit = Math.max(largestLogit, groups[4 * g]!);
  let total = 0;
  for (let g = 0; g < HEAD_GROUPS; g++) {
    // A group without ids has a sum of 0 and no largest logit.
    if (groups[4 * g + sum]! > 0) total += groups[4 * g + sum]! * Math.exp(scale * (groups[4 * g]! - largestLogit));
  }
  return scale * largestLogit + Math.log(total);
}
