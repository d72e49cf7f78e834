import type { Prediction } from '../../shared/model/plan.ts';
import { formatMs, formatRate } from '../ui/format.ts';

interface Props {
  predicted: Prediction;
  /** Chats in the room. */
  chats: number;
  /** Of the last answer of this chat; null before there is one. */
  measuredMsPerToken: number | null;
}

/** Closer than this the plan and the answer say the same. */
const SAME = 0.05;

/** What the plan expects of an answer, beside what the last one took. */
export function SpeedView({ predicted, chats, measuredMsPerToken }: Props) {
  const { msPerToken, msPerTokenTogether } = predicted;
  return (
    <dl class="speed" aria-label="Speed">
      <dt>Predicted</dt>
      <dd data-testid="speed-predicted">{speedWords(msPerToken)}</dd>
      {msPerTokenTogether !== undefined && chats > 1 && (
        <>
          <dt>Predicted, {chats} chats at once</dt>
          <dd data-testid="speed-together">{speedWords(msPerTokenTogether)} each</dd>
        </>
      )}
      <dt>Measured</dt>
      <dd data-testid="speed-measured">
        {measuredMsPerToken === null ? 'ask something first' : measuredWords(measuredMsPerToken, msPerToken)}
      </dd>
    </dl>
  );
}

function speedWords(msPerToken: number): string {
  return `${formatMs(msPerToken)} per token (${formatRate(1000 / msPerToken)})`;
}

function measuredWords(measuredMs: number, predictedMs: number): string {
  const ratio = measuredMs / predictedMs;
  const percent = Math.round(Math.abs(ratio - 1) * 100);
  const against = Math.abs(ratio - 1) < SAME ? 'as predicted' : `${percent} % ${ratio > 1 ? 'more' : 'less'} than predicted`;
  return `${speedWords(measuredMs)} in the last answer, ${against}`;
}
