import { type GgufHeader, readGgufHeader } from '../gguf/header.ts';
import { firstPartUrl, joinHeaders, partCount, partUrls } from '../gguf/split-files.ts';
import { joinSources } from './joined-source.ts';
import type { OpenSource, RangeSource } from './range-source.ts';

export interface OpenGguf {
  source: RangeSource;
  header: GgufHeader;
}

/**
 * Reads the header of a model, of one file or split over several, of which any part's address will do. Nothing else is
 * downloaded. `open` opens one file.
 *
 * @throws AppError not-gguf, model-malformed, model-truncated, and what `open` throws
 */
export async function openGguf(url: string, open: OpenSource): Promise<OpenGguf> {
  const firstUrl = firstPartUrl(url);
  const first = await openPart(firstUrl, open);
  const count = partCount(first.header);
  if (count === 1) return first;
  const others = partUrls(firstUrl, count).slice(1);
  const rest = await Promise.all(others.map((part) => openPart(part, open)));
  return {
    source: joinSources([first.source, ...rest.map(({ source }) => source)]),
    header: joinHeaders([first.header, ...rest.map(({ header }) => header)]),
  };
}

async function openPart(url: string, open: OpenSource): Promise<OpenGguf> {
  const source = await open(url);
  return { source, header: await readGgufHeader(source) };
}
