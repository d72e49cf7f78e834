import { AppError } from '../../shared/errors.ts';
import { FreeList } from './free-list.ts';
import type { Address } from './kernels.ts';

const PAGE_BYTES = 65_536;
/** All that 32-bit addresses reach; a shared memory has to say how far it may grow. */
const MAX_PAGES = 65_536;
/** Vectors load fastest where they do not cross cache lines. */
const ALIGNMENT = 64;
/** The compiler keeps its constants below. */
const FIRST_ADDRESS = 1024;

/**
 * The memory of one engine's kernels: weights, keys and values, activations. It grows as needed and what is freed is used
 * again; it cannot shrink, so it goes as a whole with its engine.
 */
export class Heap {
  readonly memory: WebAssembly.Memory;
  private readonly free = new FreeList();
  private readonly sizes = new Map<Address, number>();

  /** @param shared so that several threads may use it; throws RangeError where there is no space to reserve */
  constructor({ shared = false } = {}) {
    this.memory = new WebAssembly.Memory(shared ? { initial: 1, maximum: MAX_PAGES, shared } : { initial: 1 });
    this.free.give({ start: FIRST_ADDRESS, size: PAGE_BYTES - FIRST_ADDRESS });
  }

  /** @throws AppError out-of-memory */
  allocate(bytes: number): Address {
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const address = this.free.take(size) ?? this.grow(size);
    this.sizes.set(address, size);
    return address;
  }

  release(address: Address): void {
    const size = this.sizes.get(address);
    if (size === undefined) return;
    this.sizes.delete(address);
    this.free.give({ start: address, size });
  }

  /** Views are good until the next allocation, which may move the memory. */
  bytes(address: Address, count: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, count);
  }

  int16s(address: Address, count: number): Int16Array {
    return new Int16Array(this.memory.buffer, address, count);
  }

  words(address: Address, count: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, address, count);
  }

  floats(address: Address, count: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, count);
  }

  private grow(size: number): Address {
    const heldBytes = this.memory.buffer.byteLength;
    const pages = Math.ceil((size - this.free.freeBefore(heldBytes)) / PAGE_BYTES);
    try {
      this.memory.grow(pages);
    } catch (error) {
      const values = { neededBytes: size, heldBytes };
      throw new AppError('out-of-memory', `no memory for ${size} bytes beside ${heldBytes} bytes`, { values, cause: error });
    }
    this.free.give({ start: heldBytes, size: pages * PAGE_BYTES });
    return this.free.take(size)!;
  }
}
