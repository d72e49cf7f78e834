import type { DeviceProfile } from '../../src/shared/model/device-profile.ts';
import type { ModelSpec } from '../../src/shared/model/model-spec.ts';
import { DEFAULT_SETTINGS } from '../../src/shared/model/room-settings.ts';
import type { RoomSeed } from '../../src/shared/protocol/signaling.ts';
import type { RoomKeys } from '../room-state.ts';

/** A small model: four layers of 1,000 bytes, and 256 bytes of keys and values per token and layer. */
export const tinySpec: ModelSpec = {
  name: 'Tiny',
  architecture: 'llama',
  quantisation: 'F32',
  dim: 64,
  nLayers: 4,
  nHeads: 4,
  nKvHeads: 4,
  headDim: 14,
  ffnDim: 128,
  vocabSize: 32,
  contextLength: 64,
  ropeTheta: 1e4,
  ropeDim: 14,
  rmsEps: 1e-5,
  tiedHead: false,
  layerBytes: [1000, 1000, 1000, 1000],
  embeddingBytes: 100,
  headBytes: 100,
};

export const TEST_HASH = 'h'.repeat(43);
/** What test servers seal rooms with: one that was started anew has the same. */
export const TEST_SECRET = Buffer.alloc(32, 's');
export const TEST_KEYS: RoomKeys = { hostKeyHashes: [TEST_HASH], joinKey: 'j'.repeat(16), passphraseHash: null };

export function tinyProfile(lendBytes: number, decodeLayerMs = 5): DeviceProfile {
  return { engine: 'cpu', adapter: 'test', decodeLayerMs, prefillLayerMsPerToken: 1, forwardOverheadMs: 0, headMs: 0, lendBytes };
}

/** What a tab of a new room was told, under no good seal. */
export const TEST_SEED: RoomSeed = {
  hostKeyHashes: [TEST_HASH],
  joinKey: 'j'.repeat(16),
  passphraseHash: null,
  barred: [],
  settings: DEFAULT_SETTINGS,
  model: null,
  plan: null,
  nextPeerId: 2,
  nextEpoch: 1,
  peers: [{ peerId: 1, name: 'tab', donates: false, chats: true, tabKeyHash: TEST_HASH, shownKeyHash: null }],
  seal: { dateMs: 1, mac: TEST_HASH },
};
