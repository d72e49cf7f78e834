import * as v from 'valibot';
import { ErrorReportSchema } from './error-report.ts';

/**
 * Control messages between two tabs: JSON text on the same ordered data channel that carries the binary frames, so that
 * a message is seen between the frames it was sent between.
 */

/** One send on the channel, bytes: SCTP in Chromium sends about four packets per round trip (a larger send waits). */
export const FRAGMENT_BYTES = 4096;
export const MAX_CONTROL_BYTES = 8192;
/** Beats go out this often; a link that was silent for the longer time is dead, ms. An outage of 4 s heals by itself. */
export const PEER_BEAT_INTERVAL_MS = 500;
export const PEER_SILENCE_MS = 6000;
/** The same for a device of which the server says that it has lost its connection: two signs weigh more than one, ms. */
export const AWAY_SILENCE_MS = 2000;

const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32 - 1));

/** What a stage knows of a pass: nothing, that it waits for others, that it is being run, that it was sent on. */
export const PASS_STATES = ['unseen', 'waiting', 'running', 'passed'] as const;
export type PassState = (typeof PASS_STATES)[number];

export const PeerMessageSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('beat') }),
  /** Answered by `probe-ack` with the same id if `ack`; padding makes it as large as what is being measured. */
  v.strictObject({
    kind: v.literal('probe'),
    id: u32,
    ack: v.boolean(),
    padding: v.pipe(v.string(), v.maxLength(FRAGMENT_BYTES)),
  }),
  v.strictObject({ kind: v.literal('probe-ack'), id: u32 }),
  /** A stage could not run a pass of this source, or not send it on; the request will get no reply. */
  v.strictObject({ kind: v.literal('stage-error'), epoch: u32, request: u32, error: ErrorReportSchema }),
  /** The source will not come back to this sequence. */
  v.strictObject({ kind: v.literal('free'), sequence: u32 }),
  /** A source that waits for long asks each stage what has become of a pass. */
  v.strictObject({ kind: v.literal('trace'), epoch: u32, request: u32 }),
  v.strictObject({
    kind: v.literal('traced'),
    epoch: u32,
    request: u32,
    state: v.picklist(PASS_STATES),
    /** In this state for so long, ms; 0 where it was never seen. */
    sinceMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
    /** What running it takes by what the device has measured of itself, ms. */
    expectedMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
  }),
]);

export type PeerMessage = v.InferOutput<typeof PeerMessageSchema>;

/** What is for the pipeline; beats and probes stay in the mesh. */
export type PipelineMessage = Exclude<PeerMessage, { kind: 'beat' | 'probe' | 'probe-ack' }>;
