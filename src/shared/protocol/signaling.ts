import * as v from 'valibot';
import { ERROR_CODES, type ErrorReport } from '../errors.ts';
import { ENGINE_KINDS, PROFILE_ORIGINS } from '../model/device-profile.ts';
import { OBJECTIVE_CHOICES, OBJECTIVES } from '../model/plan.ts';
import { WIRE_DTYPES } from '../model/wire-dtype.ts';

/**
 * Everything that a tab and the signaling server say to each other, with its schema. Unknown fields are refused on both
 * sides. The server sees profiles, plans and WebRTC signals; no prompt, token or activation has a place here.
 */

/** A message larger than this is refused before it is parsed, bytes. A session description takes 2 to 4 kB. */
export const MAX_SIGNALING_BYTES = 64 * 1024;
export const MAX_PEERS_PER_ROOM = 32;
/** How often a tab says that it is there, and after how long a silence the server drops it, ms. */
export const BEAT_INTERVAL_MS = 1000;
export const BEAT_TIMEOUT_MS = 8000;
/** Letters that nobody mistakes for another when a room code is read aloud. */
export const ROOM_CODE = /^[A-HJ-NP-Z2-9]{5}$/;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const positive = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2 ** 32 - 1));
/** A measured time or rate: finite, not negative. */
const measure = v.pipe(v.number(), v.finite(), v.minValue(0));
const shortText = v.pipe(v.string(), v.minLength(1), v.maxLength(80));
const roomCode = v.pipe(v.string(), v.regex(ROOM_CODE, 'a room code has five letters or digits'));
const nothing = v.strictObject({});

export const ErrorReportSchema = v.strictObject({
  code: v.picklist(ERROR_CODES),
  message: v.pipe(v.string(), v.maxLength(2000)),
});

export const RoomSettingsSchema = v.strictObject({
  modelUrl: v.pipe(v.string(), v.minLength(1), v.maxLength(2048)),
  contextLength: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(16), v.maxValue(131_072))),
  wireDtype: v.picklist(WIRE_DTYPES),
  objective: v.picklist(OBJECTIVE_CHOICES),
  sourceLayers: v.pipe(count, v.maxValue(512)),
  headOnSource: v.boolean(),
});

export const ModelSpecSchema = v.strictObject({
  name: shortText,
  architecture: v.literal('llama'),
  quantisation: shortText,
  dim: positive,
  nLayers: v.pipe(positive, v.maxValue(512)),
  nHeads: positive,
  nKvHeads: positive,
  headDim: positive,
  ffnDim: positive,
  vocabSize: positive,
  contextLength: positive,
  ropeTheta: v.pipe(v.number(), v.finite(), v.gtValue(0)),
  ropeDim: positive,
  ropeFactors: v.exactOptional(v.pipe(v.array(v.pipe(v.number(), v.finite(), v.gtValue(0))), v.maxLength(512))),
  rmsEps: v.pipe(v.number(), v.finite(), v.gtValue(0)),
  tiedHead: v.boolean(),
  layerBytes: v.pipe(v.array(count), v.minLength(1), v.maxLength(512)),
  embeddingBytes: count,
  headBytes: count,
});

export const DeviceProfileSchema = v.strictObject({
  engine: v.picklist(ENGINE_KINDS),
  adapter: v.pipe(v.string(), v.maxLength(120)),
  variant: v.exactOptional(v.pipe(v.string(), v.maxLength(120))),
  decodeLayerMs: measure,
  prefillLayerMsPerToken: measure,
  forwardOverheadMs: measure,
  headMs: measure,
  lendBytes: count,
});

export const LinkMeasureSchema = v.strictObject({ rttMs: measure, linkMbps: measure });

const LoadProgressSchema = v.strictObject({ loadedBytes: count, shardBytes: count });

const PeerStateSchema = v.strictObject({
  peerId: positive,
  name: shortText,
  donates: v.boolean(),
  chats: v.boolean(),
  profile: v.nullable(DeviceProfileSchema),
  progress: v.nullable(LoadProgressSchema),
  /** Why this device takes no part although it donates. */
  problem: v.nullable(ErrorReportSchema),
});

const StageSchema = v.strictObject({
  peerId: positive,
  layers: v.strictObject({ startLayer: count, endLayer: count }),
  head: v.boolean(),
});

export const PlanSchema = v.strictObject({
  epoch: positive,
  modelUrl: v.string(),
  contextLength: positive,
  wireDtype: v.picklist(WIRE_DTYPES),
  objective: v.picklist(OBJECTIVES),
  sourceLayers: v.pipe(count, v.maxValue(512)),
  stages: v.pipe(v.array(StageSchema), v.minLength(1), v.maxLength(MAX_PEERS_PER_ROOM)),
  predicted: v.strictObject({
    msPerToken: measure,
    msPerTokenTogether: v.exactOptional(measure),
    bottleneckMs: measure,
    tokensPerSecond: measure,
    firstTokenMs: measure,
    stageMs: v.array(measure),
    overheadMs: v.array(measure),
    linkMs: v.array(measure),
  }),
  why: v.pipe(v.string(), v.maxLength(500)),
  leftOut: v.pipe(
    v.array(v.strictObject({ peerId: positive, reason: v.pipe(v.string(), v.maxLength(300)) })),
    v.maxLength(MAX_PEERS_PER_ROOM),
  ),
});

const RoomStateSchema = v.strictObject({
  code: roomCode,
  hostId: v.nullable(positive),
  settings: RoomSettingsSchema,
  model: v.nullable(ModelSpecSchema),
  peers: v.pipe(v.array(PeerStateSchema), v.maxLength(MAX_PEERS_PER_ROOM)),
  links: v.array(v.strictObject({ a: positive, b: positive, ...LinkMeasureSchema.entries })),
  plan: v.nullable(PlanSchema),
  preparing: v.nullable(PlanSchema),
  /** Why there is no plan, or why the last one could not be made. */
  problem: v.nullable(ErrorReportSchema),
});

const IceServersSchema = v.array(
  v.strictObject({ urls: v.string(), username: v.optional(v.string()), credential: v.optional(v.string()) }),
);

const sdp = v.pipe(v.string(), v.maxLength(32 * 1024));
/** What simple-peer emits to set a link up. */
export const SignalDataSchema = v.union([
  v.strictObject({ type: v.picklist(['offer', 'answer', 'pranswer']), sdp }),
  v.strictObject({ type: v.literal('rollback') }),
  v.strictObject({
    type: v.literal('candidate'),
    candidate: v.strictObject({
      candidate: v.pipe(v.string(), v.maxLength(1024)),
      sdpMLineIndex: v.nullish(count),
      sdpMid: v.nullish(v.pipe(v.string(), v.maxLength(64))),
      usernameFragment: v.nullish(v.pipe(v.string(), v.maxLength(256))),
    }),
  }),
  v.strictObject({ type: v.literal('renegotiate'), renegotiate: v.literal(true) }),
]);

/** Tab to server. Each is acknowledged with a Result of its reply. */
export const clientEvents = {
  /** Makes a room. Whoever joins with its hostKey decides the settings. */
  'room:create': {
    request: v.strictObject({ settings: v.partial(RoomSettingsSchema) }),
    reply: v.strictObject({ code: roomCode, hostKey: v.pipe(v.string(), v.length(32)) }),
  },
  'room:join': {
    request: v.strictObject({
      code: roomCode,
      hostKey: v.nullable(v.pipe(v.string(), v.length(32))),
      /** Made by the tab, for itself: joining with it again takes the place of its earlier self, whose connection broke. */
      tabKey: v.pipe(v.string(), v.length(32)),
      name: shortText,
      donates: v.boolean(),
      chats: v.boolean(),
    }),
    reply: v.strictObject({ peerId: positive, isHost: v.boolean(), iceServers: IceServersSchema, room: RoomStateSchema }),
  },
  'room:leave': { request: nothing, reply: nothing },
  /** Host only. */
  'room:settings': { request: RoomSettingsSchema, reply: nothing },
  /** Host only: what the model's header says, for the planner. */
  'room:model': { request: v.strictObject({ modelUrl: v.string(), spec: ModelSpecSchema }), reply: nothing },
  'peer:donates': { request: v.strictObject({ donates: v.boolean() }), reply: nothing },
  'peer:profile': {
    request: v.strictObject({ profile: DeviceProfileSchema, origin: v.picklist(PROFILE_ORIGINS) }),
    reply: nothing,
  },
  'peer:progress': { request: v.strictObject({ epoch: positive, ...LoadProgressSchema.entries }), reply: nothing },
  /** A link to another peer was measured; null: no link could be made, or it broke. */
  'link:report': { request: v.strictObject({ to: positive, link: v.nullable(LinkMeasureSchema) }), reply: nothing },
  /** This stage has loaded what the plan of that epoch gives it. */
  'plan:ready': { request: v.strictObject({ epoch: positive }), reply: nothing },
  /** This stage can't: the server plans without it. */
  'plan:failed': { request: v.strictObject({ epoch: positive, error: ErrorReportSchema }), reply: nothing },
  /** None of this source's sequences needs an earlier epoch any more. */
  'plan:moved': { request: v.strictObject({ epoch: positive }), reply: nothing },
  /** A WebRTC signal for another peer of the same room. */
  signal: { request: v.strictObject({ to: positive, data: SignalDataSchema }), reply: nothing },
  beat: { request: nothing, reply: nothing },
} as const;

/** Server to tab, not acknowledged. */
export const serverEvents = {
  /** The whole room, sent whenever something in it changed. */
  'room:state': RoomStateSchema,
  'peer:left': v.strictObject({ peerId: positive }),
  /** Load what this plan gives you while you go on serving the active one; replaces an earlier plan in preparation. */
  'plan:prepare': v.strictObject({ plan: PlanSchema }),
  /** All stages of that epoch are ready: sources move their sequences to it at the next token boundary. */
  'plan:activate': v.strictObject({ epoch: positive }),
  /** No source needs epochs up to and including this one: stages free what only those used. */
  'plan:retire': v.strictObject({ epoch: positive }),
  signal: v.strictObject({ from: positive, data: SignalDataSchema }),
  /** The server has removed this tab from its room. */
  dropped: v.strictObject({ error: ErrorReportSchema }),
} as const;

export type ClientEvent = keyof typeof clientEvents;
export type ClientRequest<E extends ClientEvent> = v.InferOutput<(typeof clientEvents)[E]['request']>;
export type ClientReply<E extends ClientEvent> = v.InferOutput<(typeof clientEvents)[E]['reply']>;
export type ServerEvent = keyof typeof serverEvents;
export type ServerMessage<E extends ServerEvent> = v.InferOutput<(typeof serverEvents)[E]>;

export type Result<T> = { ok: true; value: T } | { ok: false; error: ErrorReport };

export type RoomState = v.InferOutput<typeof RoomStateSchema>;
export type PeerState = v.InferOutput<typeof PeerStateSchema>;
export type SignalData = v.InferOutput<typeof SignalDataSchema>;
export type IceServers = v.InferOutput<typeof IceServersSchema>;
export type LinkMeasure = v.InferOutput<typeof LinkMeasureSchema>;
export type LoadProgress = v.InferOutput<typeof LoadProgressSchema>;
