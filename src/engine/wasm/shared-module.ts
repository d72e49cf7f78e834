import { AppError } from '../../shared/errors.ts';

const IMPORT_SECTION = 2;
/** Kind "memory", then limits without a maximum: at least 0 pages. */
const OWN_MEMORY = [0x02, 0x00, 0x00];
/** Kind "memory", then limits of a shared memory: 0 to 65,536 pages. */
const SHARED_MEMORY = [0x02, 0x03, 0x00, 0x80, 0x80, 0x04];

/**
 * The same kernels for a memory that threads share: only the declaration of the one import, the memory, differs (WebAssembly
 * core specification 5.5.5; limits of shared memories from its threads proposal). So the code is downloaded once.
 *
 * @throws AppError internal when the module imports anything else
 */
export function forSharedMemory(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  for (let at = 8; at < wasm.length; ) {
    const [size, start] = readSize(wasm, at + 1);
    if (wasm[at] === IMPORT_SECTION) return replaceImport(wasm, at, start, start + size);
    at = start + size;
  }
  throw new AppError('internal', 'the kernels import no memory');
}

function replaceImport(wasm: Uint8Array, section: number, start: number, end: number): Uint8Array<ArrayBuffer> {
  const kept = wasm.subarray(start, end - OWN_MEMORY.length);
  const declared = wasm.subarray(end - OWN_MEMORY.length, end);
  const size = kept.length + SHARED_MEMORY.length;
  if (size > 127 || wasm[start] !== 1 || !OWN_MEMORY.every((byte, i) => declared[i] === byte)) {
    throw new AppError('internal', `the kernels import ${wasm[start]} things, the last is ${declared.join(' ')}`);
  }
  return Uint8Array.of(...wasm.subarray(0, section), IMPORT_SECTION, size, ...kept, ...SHARED_MEMORY, ...wasm.subarray(end));
}

/** An unsigned LEB128 number, and where the next byte is. */
function readSize(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0;
  for (let i = at, shift = 0; ; i++, shift += 7) {
    value += (bytes[i]! & 127) << shift;
    if (bytes[i]! < 128) return [value, i + 1];
  }
}
