import { AppError } from '../shared/errors.ts';
import type { GgufHeader, TensorInfo } from './header.ts';

/**
 * Models that are split over several files, as llama.cpp's gguf-split writes them: `NAME-00001-of-00003.gguf` and so on. The
 * first has all metadata; each has a table of its own tensors and says which part it is.
 */
const PART = /-(\d{5})-of-(\d{5})(?=\.gguf(?:[?#]|$))/i;
/** The largest models come in some fifty files. */
const MAX_PARTS = 256;

/** The address of part 1 of the model that an address belongs to; other addresses stay as they are. */
export function firstPartUrl(url: string): string {
  return url.replace(PART, (_, _number: string, count: string) => `-00001-of-${count}`);
}

/** How many files the model is in. @throws AppError model-malformed */
export function partCount({ metadata }: GgufHeader): number {
  const count = Math.max(1, metadata.count('split.count') ?? 1);
  if (count > MAX_PARTS)
    throw new AppError('model-malformed', `the model is split over ${count} files, allowed are ${MAX_PARTS}`);
  return count;
}

/** The addresses of all parts, from the first's. @throws AppError model-malformed when its name is not that of the first of so many */
export function partUrls(firstUrl: string, count: number): string[] {
  const [, number, total] = PART.exec(firstUrl) ?? [];
  if (Number(number) !== 1 || Number(total) !== count) {
    const name = `-00001-of-${padded(count)}.gguf`;
    throw new AppError('model-malformed', `${firstUrl} is one of ${count} files; the first must be called ...${name}`);
  }
  return Array.from({ length: count }, (_, i) => firstUrl.replace(PART, `-${padded(i + 1)}-of-${padded(count)}`));
}

function padded(number: number): string {
  return String(number).padStart(5, '0');
}

/**
 * One header over the parts' tensors, with offsets as if the files stood one after the other.
 *
 * @throws AppError model-malformed (a file is not the part that its name says, tensors twice or too few)
 */
export function joinHeaders(headers: readonly GgufHeader[]): GgufHeader {
  const [first] = headers as [GgufHeader, ...GgufHeader[]];
  const tensors = new Map<string, TensorInfo>();
  let startBytes = 0;
  for (const [index, header] of headers.entries()) {
    checkPart(header, index, headers.length);
    for (const tensor of header.tensors.values()) {
      if (tensors.has(tensor.name)) throw new AppError('model-malformed', `the tensor ${tensor.name} is in two files`);
      tensors.set(tensor.name, { ...tensor, offset: startBytes + tensor.offset });
    }
    startBytes += header.fileBytes;
  }
  const unsupported = headers.flatMap((header) => header.unsupported);
  checkTensorCount(first, tensors.size + unsupported.length);
  const ropeFactors = headers.find((header) => header.ropeFactors)?.ropeFactors ?? null;
  return { ...first, tensors, unsupported, ropeFactors, fileBytes: startBytes };
}

function checkPart({ metadata }: GgufHeader, index: number, count: number): void {
  const number = metadata.count('split.no');
  const total = metadata.count('split.count');
  if (number === index && total === count) return;
  const got = `part ${(number ?? Number.NaN) + 1} of ${total ?? 'no number of'} files`;
  throw new AppError('model-malformed', `file ${index + 1} of ${count} says that it is ${got}`);
}

function checkTensorCount({ metadata }: GgufHeader, count: number): void {
  const wanted = metadata.count('split.tensors.count') ?? count;
  if (wanted !== count)
    throw new AppError('model-malformed', `the files have ${count} tensors together, the first promises ${wanted}`);
}
