/** A group at one table; plans of more devices are bounded, not exact, and every link is measured. */
export const MAX_PEERS_PER_ROOM = 32;
/** Of any model: what a list of layers may hold. The largest Llama models have 126. */
export const MAX_LAYERS = 512;
