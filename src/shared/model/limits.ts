/** A group at one table; plans of more devices are bounded, not exact, and every link is measured. */
export const MAX_PEERS_PER_ROOM = 32;
/** Of any model: what a list of layers may hold. The largest Llama models have 126. */
export const MAX_LAYERS = 512;
/** Rows of one prefill frame: small enough that several stages work at once, large enough to fill a GPU. */
export const PREFILL_CHUNK_ROWS = 32;
/** Weights are stored, moved and uploaded in pieces of this size: what is on its way must not count beside the shard itself. */
export const WEIGHT_PIECE_BYTES = 4 * 1024 * 1024;
/** Pieces begin at multiples of this many rows: engines write rows of some formats together, two scales to a word. */
export const WEIGHT_PIECE_ROWS = 8;
