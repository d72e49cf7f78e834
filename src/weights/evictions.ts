export interface StoredModel {
  name: string;
  /** Ms since 1970. */
  usedMs: number;
}

export interface StoredEntry {
  name: string;
  /** Where its bytes are in the file. */
  start: number;
  bytes: number;
}

/** In which order other models give way. Names make the order the same in every tab. */
export function leastRecentFirst(models: readonly StoredModel[]): StoredModel[] {
  return models.toSorted((a, b) => a.usedMs - b.usedMs || (a.name < b.name ? -1 : 1));
}

/** Which of a model's entries give way: from the end of its file, so that the layers that stay are whole. */
export function entriesToEvict<T extends StoredEntry>(entries: readonly T[], neededBytes: number): T[] {
  let freedBytes = 0;
  return entries
    .toSorted((a, b) => b.start - a.start)
    .filter(({ bytes }) => {
      const isNeeded = freedBytes < neededBytes;
      if (isNeeded) freedBytes += bytes;
      return isNeeded;
    });
}
