const MB = 1e6;
const GB = 1e9;
const STEPS_BYTES = [
  64 * MB,
  128 * MB,
  256 * MB,
  512 * MB,
  GB,
  1.5 * GB,
  2 * GB,
  3 * GB,
  4 * GB,
  6 * GB,
  8 * GB,
  12 * GB,
  16 * GB,
];

/**
 * The most that a device may lend, bytes. A tab on an iPhone or iPad (which may call itself a Mac) dies at about 1.5 GB in
 * all, so it may lend 1 GB; other phones and tablets keep room for their system.
 */
export function maxLendBytes({
  userAgent,
  maxTouchPoints = 0,
}: {
  userAgent: string;
  maxTouchPoints?: number | undefined;
}): number {
  if (/iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1)) return GB;
  return /Android|Mobile/.test(userAgent) ? 4 * GB : 16 * GB;
}

/** The positions of the lend slider, bytes, ascending. The present amount is always one of them. */
export function lendSteps(currentBytes: number, maxBytes: number): number[] {
  const steps = new Set(STEPS_BYTES.filter((bytes) => bytes <= maxBytes));
  return [...steps.add(currentBytes)].sort((a, b) => a - b);
}
