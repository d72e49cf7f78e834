import * as v from 'valibot';
import type { ErrorReport } from '../errors.ts';
import { DeviceProfileSchema, PROFILE_ORIGINS } from '../model/device-profile.ts';
import { MAX_LAYERS, MAX_PEERS_PER_ROOM } from '../model/limits.ts';
import { LinkMeasureSchema } from '../model/link-profile.ts';
import { LoadProgressSchema } from '../model/load-progress.ts';
import { ModelSpecSchema } from '../model/model-spec.ts';
import { count, positive } from '../model/numbers.ts';
import { PlanSchema } from '../model/plan.ts';
import { RoomSettingsSchema } from '../model/room-settings.ts';
import { ErrorReportSchema } from './error-report.ts';

/**
 * Everything that a tab and the signaling server say to each other, with its schema. Unknown fields are refused on both
 * sides. The server sees profiles, plans and WebRTC signals; no prompt, token or activation has a place here.
 */

/**
 * Which protocol this build speaks. A page and a server of different versions do not talk past each other: joining is refused
 * with `version-mismatch`, and the page says that it must be reloaded.
 */
export const PROTOCOL_VERSION = 2;
/** A message larger than this is refused before it is parsed, bytes. A session description takes 2 to 4 kB. */
export const MAX_SIGNALING_BYTES = 64 * 1024;
/** How often a tab says that it is there, and after how long a silence the server holds it to be away, ms. */
export const BEAT_INTERVAL_MS = 1000;
export const BEAT_TIMEOUT_MS = 8000;
/** A tab whose connection broke keeps its place for so long, ms: its links to the others may be as good as ever. */
export const GRACE_MS = 20_000;
/** How long somebody without the room's link waits to be let in, ms. */
export const KNOCK_TIMEOUT_MS = 60_000;
/** Without a tab that holds the host key for so long, the rights are offered to the chat that was there longest, ms. */
export const HOSTLESS_MS = 60_000;
export const MAX_KNOCKS_PER_ROOM = 16;
/** Tabs that a host has removed and that are kept out: the latest. */
export const MAX_BARRED = 64;
export const MAX_HOST_KEYS = 16;
/** Letters that nobody mistakes for another when a room code is read aloud. */
export const ROOM_CODE = /^[A-HJ-NP-Z2-9]{5}$/;

const shortText = v.pipe(v.string(), v.minLength(1), v.maxLength(80));
const roomCode = v.pipe(v.string(), v.regex(ROOM_CODE, 'a room code has five letters or digits'));
const nothing = v.strictObject({});
const version = v.literal(PROTOCOL_VERSION);
/** 192 random bits as base64url: whoever holds it decides the room's settings. */
const hostKey = v.pipe(v.string(), v.length(32));
/** 96 random bits as base64url, in the fragment of the room's link: whoever has it joins without being asked. */
const joinKey = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{16}$/));
/** 128 random bits, made by a tab for itself: with it the tab takes its own place again. */
const tabKey = v.pipe(v.string(), v.length(32));
/** SHA-256 of a key as base64url: every tab may see it, and the room can be made anew from it without trusting the first that asks. */
const keyHash = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
const passphrase = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
/** `salt.hash`, both base64url, scrypt. */
const passphraseHash = v.pipe(v.string(), v.maxLength(200));

const PeerStateSchema = v.strictObject({
  peerId: positive,
  name: shortText,
  donates: v.boolean(),
  chats: v.boolean(),
  profile: v.nullable(DeviceProfileSchema),
  progress: v.nullable(LoadProgressSchema),
  /** False while its connection to the server is lost: it keeps its place for GRACE_MS. */
  connected: v.boolean(),
  tabKeyHash: keyHash,
  /** Of the last host key that it has shown: gives it nothing, and is taken back when it is removed. */
  shownKeyHash: v.nullable(keyHash),
  /** Why this device takes no part although it donates. */
  problem: v.nullable(ErrorReportSchema),
});

/** Somebody without the room's link who waits for the host to let them in. */
const KnockSchema = v.strictObject({ knockId: positive, name: shortText, donates: v.boolean(), chats: v.boolean() });

const LinkSchema = v.strictObject({ a: positive, b: positive, ...LinkMeasureSchema.entries });

const roomFields = {
  /** Tabs that hold a host key. */
  hosts: v.pipe(v.array(positive), v.maxLength(MAX_PEERS_PER_ROOM)),
  /** Hashes of all host keys: the first one, and those of tabs that took the rights over. */
  hostKeyHashes: v.pipe(v.array(keyHash), v.minLength(1), v.maxLength(MAX_HOST_KEYS)),
  joinKey,
  passphraseHash: v.nullable(passphraseHash),
  /** Hashes of the keys of tabs that a host has removed. */
  barred: v.pipe(v.array(keyHash), v.maxLength(MAX_BARRED)),
  /** The chat that may take the host's rights, as nobody with a key has been there for HOSTLESS_MS. */
  offeredTo: v.nullable(positive),
  knocks: v.pipe(v.array(KnockSchema), v.maxLength(MAX_KNOCKS_PER_ROOM)),
  settings: RoomSettingsSchema,
  model: v.nullable(ModelSpecSchema),
  plan: v.nullable(PlanSchema),
  preparing: v.nullable(PlanSchema),
  /** Why there is no plan, or why the last one could not be made. */
  problem: v.nullable(ErrorReportSchema),
  /** The next ones that will be given: none is ever given twice. */
  nextPeerId: positive,
  nextEpoch: positive,
  /** The server's word for all that the room can be made anew from: HMAC-SHA-256 as base64url, and its date, ms since 1970. */
  seal: v.strictObject({ dateMs: count, mac: keyHash }),
};

const RoomStateSchema = v.strictObject({
  code: roomCode,
  ...roomFields,
  peers: v.pipe(v.array(PeerStateSchema), v.maxLength(MAX_PEERS_PER_ROOM)),
  links: v.array(LinkSchema),
});

/**
 * What has changed in a room since the state or change before it; what is left out is as it was. Loading devices change their
 * progress several times a second, so that travels by itself.
 */
const RoomChangeSchema = v.strictObject({
  ...v.partial(v.strictObject(roomFields)).entries,
  /** New ones, and those of which anything but the progress has changed. */
  peers: v.exactOptional(v.pipe(v.array(PeerStateSchema), v.maxLength(MAX_PEERS_PER_ROOM))),
  gone: v.exactOptional(v.pipe(v.array(positive), v.maxLength(MAX_PEERS_PER_ROOM))),
  progress: v.exactOptional(
    v.pipe(
      v.array(v.strictObject({ peerId: positive, progress: v.nullable(LoadProgressSchema) })),
      v.maxLength(MAX_PEERS_PER_ROOM),
    ),
  ),
  /** New and changed ones. */
  links: v.exactOptional(v.array(LinkSchema)),
  cut: v.exactOptional(v.array(v.strictObject({ a: positive, b: positive }))),
});

const IceServersSchema = v.array(
  v.strictObject({ urls: v.string(), username: v.optional(v.string()), credential: v.optional(v.string()) }),
);

const sdp = v.pipe(v.string(), v.maxLength(32 * 1024));
/** What simple-peer emits to set a link up. */
export const SignalDataSchema = v.union([
  v.strictObject({ type: v.picklist(['offer', 'answer']), sdp }),
  v.strictObject({
    type: v.literal('candidate'),
    candidate: v.strictObject({
      candidate: v.pipe(v.string(), v.maxLength(1024)),
      sdpMLineIndex: v.nullish(count),
      sdpMid: v.nullish(v.pipe(v.string(), v.maxLength(64))),
      usernameFragment: v.nullish(v.pipe(v.string(), v.maxLength(256))),
    }),
  }),
]);

/** Who wants to be in a room, and by what right. */
const identity = {
  code: roomCode,
  hostKey: v.nullable(hostKey),
  joinKey: v.nullable(joinKey),
  passphrase: v.nullable(passphrase),
  tabKey,
  name: shortText,
  donates: v.boolean(),
  chats: v.boolean(),
};

const JoinedSchema = v.strictObject({
  peerId: positive,
  isHost: v.boolean(),
  iceServers: IceServersSchema,
  room: RoomStateSchema,
});

/**
 * What a room is made anew from: what every tab of it was told, under the seal of whoever told it, so that no tab can make up rights,
 * places or plans. Profiles, links and progress are told again by each.
 */
const RoomSeedSchema = v.strictObject({
  ...v.pick(v.strictObject(roomFields), [
    'hostKeyHashes',
    'joinKey',
    'passphraseHash',
    'barred',
    'settings',
    'model',
    'plan',
    'nextPeerId',
    'nextEpoch',
    'seal',
  ]).entries,
  peers: v.pipe(
    v.array(v.pick(PeerStateSchema, ['peerId', 'name', 'donates', 'chats', 'tabKeyHash', 'shownKeyHash'])),
    v.minLength(1),
    v.maxLength(MAX_PEERS_PER_ROOM),
  ),
});

/** Tab to server. Each is acknowledged with a Result of its reply. */
export const clientEvents = {
  /** Makes a room. Whoever joins with its hostKey decides the settings. */
  'room:create': {
    request: v.strictObject({ version, settings: v.partial(RoomSettingsSchema), passphrase: v.nullable(passphrase) }),
    reply: v.strictObject({ code: roomCode, hostKey, joinKey }),
  },
  /**
   * With the room's joinKey, a hostKey or the tabKey of a place that is kept: at once. With the code alone: answered when a host
   * has allowed or declined (`not-allowed`), or after KNOCK_TIMEOUT_MS (`nobody-allows`).
   */
  'room:join': { request: v.strictObject({ version, ...identity }), reply: JoinedSchema },
  /**
   * A tab that was in the room comes back: to its own place within GRACE_MS, else as a newcomer with another id. When this server
   * does not know the room, as after a restart, it is made anew from what the tab knows of it.
   */
  'room:resume': {
    request: v.strictObject({ version, ...identity, peerId: positive, room: RoomSeedSchema }),
    reply: JoinedSchema,
  },
  'room:leave': { request: nothing, reply: nothing },
  /** Host only: lets somebody in who knocks, or not. */
  'room:allow': { request: v.strictObject({ knockId: positive, allow: v.boolean() }), reply: nothing },
  /** Host only: that tab is dropped with `removed` and cannot come back with the link that it knows, which is renewed. */
  'room:remove': { request: v.strictObject({ peerId: positive }), reply: nothing },
  /** Host only: the link that was given out so far lets nobody in any more. */
  'room:renew-link': { request: nothing, reply: nothing },
  /** The answer of the chat that the rights are offered to; it gets a key of its own, or null when it declines. */
  'host:take': { request: v.strictObject({ accept: v.boolean() }), reply: v.strictObject({ hostKey: v.nullable(hostKey) }) },
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
  /** Which layers, and whether the head, this device has wholly in its store: a plan prefers what need not be downloaded. */
  'peer:stored': {
    request: v.strictObject({
      modelUrl: v.pipe(v.string(), v.maxLength(2048)),
      layers: v.pipe(v.array(v.pipe(count, v.maxValue(MAX_LAYERS - 1))), v.maxLength(MAX_LAYERS)),
      head: v.boolean(),
    }),
    reply: nothing,
  },
  /** A link to another peer was measured; null: no link could be made, or it broke. */
  'link:report': { request: v.strictObject({ to: positive, link: v.nullable(LinkMeasureSchema) }), reply: nothing },
  /** This stage has loaded what the plan of that epoch gives it. */
  'plan:ready': { request: v.strictObject({ epoch: positive }), reply: nothing },
  /** This stage can't: the server plans without it. */
  'plan:failed': { request: v.strictObject({ epoch: positive, error: ErrorReportSchema }), reply: nothing },
  /** A chat has found that this stage does not answer, far beyond the time that was predicted: the server plans without it. */
  'plan:hung': { request: v.strictObject({ epoch: positive, peerId: positive }), reply: nothing },
  /** None of this source's sequences needs an earlier epoch any more. */
  'plan:moved': { request: v.strictObject({ epoch: positive }), reply: nothing },
  /** A WebRTC signal for another peer of the same room. */
  signal: { request: v.strictObject({ to: positive, data: SignalDataSchema }), reply: nothing },
  beat: { request: nothing, reply: nothing },
} as const;

/** Server to tab, not acknowledged. */
export const serverEvents = {
  /** Sent whenever something in the room changed; the whole state comes with the answer to joining. */
  'room:change': RoomChangeSchema,
  'peer:left': v.strictObject({ peerId: positive }),
  /** Load what this plan gives you while you go on serving the active one; replaces an earlier plan in preparation. */
  'plan:prepare': v.strictObject({ plan: PlanSchema }),
  /** All stages of that epoch are ready: sources move their sequences to it at the next token boundary. */
  'plan:activate': v.strictObject({ epoch: positive }),
  /** No source needs epochs up to and including this one: stages free what only those used. */
  'plan:retire': v.strictObject({ epoch: positive }),
  signal: v.strictObject({ from: positive, data: SignalDataSchema }),
  /** The server has removed this tab from its room: `removed` by a host, or `dropped` as it was silent for too long. */
  dropped: v.strictObject({ error: ErrorReportSchema }),
} as const;

export type ClientEvent = keyof typeof clientEvents;
export type ClientRequest<E extends ClientEvent> = v.InferOutput<(typeof clientEvents)[E]['request']>;
export type ClientReply<E extends ClientEvent> = v.InferOutput<(typeof clientEvents)[E]['reply']>;
export type ServerEvent = keyof typeof serverEvents;
export type ServerMessage<E extends ServerEvent> = v.InferOutput<(typeof serverEvents)[E]>;

export type Result<T> = { ok: true; value: T } | { ok: false; error: ErrorReport };

export type RoomState = v.InferOutput<typeof RoomStateSchema>;
export type RoomChange = v.InferOutput<typeof RoomChangeSchema>;
export type RoomSeed = v.InferOutput<typeof RoomSeedSchema>;
export type RoomSeal = RoomSeed['seal'];
export type Joined = v.InferOutput<typeof JoinedSchema>;
export type Knock = v.InferOutput<typeof KnockSchema>;
export type PeerState = v.InferOutput<typeof PeerStateSchema>;
export type SignalData = v.InferOutput<typeof SignalDataSchema>;
export type IceServers = v.InferOutput<typeof IceServersSchema>;
