import { type Address, bindKernels } from './kernels.ts';
import { multiplyRows } from './product-rows.ts';
import { awaitOffer, finish, SHARED_WORDS, take } from './shared-work.ts';

/** What a thread works on. */
export interface ThreadSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Of the shared words. */
  words: Address;
  /** Room of its own for expanded weight rows. */
  tile: Address;
}

/** Computes chunks of products for ever; its group terminates it. */
globalThis.onmessage = ({ data }: MessageEvent<ThreadSetup>) => {
  const kernels = bindKernels(data.module, data.memory);
  const words = new Int32Array(data.memory.buffer, data.words, SHARED_WORDS);
  postMessage('ready');
  for (;;) {
    for (let chunk = take(words); chunk; chunk = take(words)) {
      multiplyRows(kernels, chunk.product, chunk.startRow, chunk.endRow, data.tile);
      finish(words);
    }
    awaitOffer(words);
  }
};
