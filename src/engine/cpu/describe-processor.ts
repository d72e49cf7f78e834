/** For people, who may wonder why one device is faster than its twin. @param way how its processor computes */
export function describeProcessor(way: string): string {
  const threads = typeof navigator === 'undefined' ? undefined : navigator.hardwareConcurrency;
  return threads ? `CPU, ${way}, ${threads} threads reported` : `CPU, ${way}`;
}
