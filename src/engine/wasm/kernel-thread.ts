import { type Address, bindKernels } from './kernels.ts';
import { Patience } from './patience.ts';
import { awaitOffer, finish, SHARED_WORDS, take } from './shared-work.ts';
import { runTask } from './task.ts';
import type { Workspace } from './workspace.ts';

/** What a thread works on. */
export interface ThreadSetup {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Of the shared words. */
  words: Address;
  /** Its own. */
  workspace: Workspace;
}

/** Computes tasks for ever; its group terminates it. */
globalThis.onmessage = ({ data }: MessageEvent<ThreadSetup>) => {
  const kernels = bindKernels(data.module, data.memory);
  const words = new Int32Array(data.memory.buffer, data.words, SHARED_WORDS);
  const patience = new Patience();
  postMessage('ready');
  for (;;) {
    for (let task = take(words); task; task = take(words)) {
      runTask(kernels, task, data.workspace);
      finish(words);
    }
    awaitOffer(words, patience);
  }
};
