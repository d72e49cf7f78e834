/**
 * A uniform number in [0, 1) with 53 random bits that depends on nothing but the seed and the index, so that an answer
 * that is resumed draws what it would have drawn. The finalizer of MurmurHash3 over a Weyl sequence.
 */
export function randomAt(seed: number, index: number): number {
  const low = mix(seed >>> 0);
  const high = mix((Math.floor(seed / 2 ** 32) >>> 0) ^ 0x5bd1e995);
  const stream = mix(low ^ Math.imul(high, 0x9e3779b1));
  const first = mix(stream + Math.imul(2 * index, 0x9e3779b9));
  const second = mix(stream + Math.imul(2 * index + 1, 0x9e3779b9));
  return ((first >>> 5) * 2 ** 26 + (second >>> 6)) / 2 ** 53;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
