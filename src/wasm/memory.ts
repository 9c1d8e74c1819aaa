import { MemoryError } from "../errors";
import type { Kernels, Pointer } from "./kernels";

const pageBytes = 65536;
/** One cache line: no two blocks share one, and every vector load of a block's start is aligned. */
const alignment = 64;

const alignUp = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

interface Block {
  readonly start: number;
  readonly end: number;
}

/**
 * The linear memory of one kernel instance, handed out in blocks: packed weights live long, the activation arena of a
 * pass lives until a bigger one is needed. First fit by address, so the same calls always give the same layout.
 */
export class KernelMemory {
  readonly maxBytes: number;
  readonly #memory: WebAssembly.Memory;
  readonly #base: number;
  /** Allocated blocks, ordered by address. */
  #blocks: Block[] = [];

  constructor(kernels: Kernels, maxBytes: number) {
    this.#memory = kernels.memory;
    const base = kernels.__heap_base;
    this.#base = alignUp(typeof base === "number" ? base : Number(base.value));
    this.maxBytes = maxBytes;
  }

  /** Bytes in use by blocks. */
  get used(): number {
    return this.#blocks.reduce((total, block) => total + block.end - block.start, 0);
  }

  /** Bytes of wasm memory that exist, in use or not. */
  get resident(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Bytes that one further block may have at most, given what is in use and the limit. */
  get available(): number {
    return this.maxBytes - this.#base - this.used;
  }

  /**
   * @param bytes  size of the block, zero included
   * @param what   what it is for, as the error says it
   * @returns address of the block, aligned to 64 bytes; its content is undefined
   * @throws {MemoryError} if the limit or the host does not allow it
   */
  allocate(bytes: number, what: string): Pointer {
    const size = Math.max(alignUp(bytes), alignment);
    let start = this.#base;
    let index = 0;
    for (; index < this.#blocks.length; index++) {
      const block = this.#blocks[index];
      if (block.start - start >= size) break;
      start = block.end;
    }
    this.#reserve(start + size, what);
    this.#blocks.splice(index, 0, { start, end: start + size });
    return start;
  }

  free(pointer: Pointer): void {
    this.#blocks = this.#blocks.filter((block) => block.start !== pointer);
  }

  /** A view of floats, valid until memory grows: make it at use, never keep it. */
  floats(pointer: Pointer, count: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#memory.buffer as ArrayBuffer, pointer, count);
  }

  /** A view of bytes, valid until memory grows. */
  bytes(pointer: Pointer, count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#memory.buffer as ArrayBuffer, pointer, count);
  }

  copy(from: Pointer, to: Pointer, bytes: number): void {
    new Uint8Array(this.#memory.buffer).copyWithin(to, from, from + bytes);
  }

  /** Places bytes in a new block. */
  store(data: Uint8Array, what: string): Pointer {
    const pointer = this.allocate(data.byteLength, what);
    this.bytes(pointer, data.byteLength).set(data);
    return pointer;
  }

  #reserve(end: number, what: string): void {
    const have = this.#memory.buffer.byteLength;
    if (end > this.maxBytes) this.#refuse(end, what, this.maxBytes);
    if (end <= have) return;
    try {
      this.#memory.grow(Math.ceil((end - have) / pageBytes));
    } catch {
      this.#refuse(end, what, have);
    }
  }

  #refuse(needed: number, what: string, available: number): never {
    throw new MemoryError(
      `${what}: ${megabytes(needed)} of memory are needed, ${megabytes(available)} are available. ` +
        "Raise maxMemory, load the model with memory: 'low', or use a smaller inputShape or batchSize.",
      needed,
      available,
    );
  }
}

/** Bytes as people read them. */
export const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
