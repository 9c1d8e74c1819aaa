/**
 * Where threads meet: a few words of the memory that they share. One thread, the first, writes there which kernel is to run and its
 * arguments in parts; every thread, the first too, takes parts until there are none. Nobody waits for one that has not begun.
 */

/** Words of the board, those that different threads write a cache line apart. */
const word = {
  /** A turn in the upper byte, how many parts it has, and the next one to take, in twelve bits each. */
  claim: 0,
  /** Parts of the turn that are done. */
  done: 16,
  /** 1 where the first thread sleeps until the last part is done. */
  awaited: 17,
  /** 1 where a part of the turn stopped by a trap. */
  failed: 18,
  /** Threads that sleep until the next turn. */
  asleep: 32,
  /** The kernel, by its place in the list of names. */
  kernel: 48,
  /** Which argument is scratch memory, or −1, and how many bytes of it each thread has. */
  scratch: 49,
  scratchBytes: 50,
} as const;

/** Arguments of a part, f64 each: as many as any kernel takes. */
const mostArguments = 12;
const headBytes = 256;
/** A part: its arguments in 128 bytes, and two places for records of its own. */
const partBytes = 512;
export const slotBytes = { records: 128, more: 256 } as const;

/** How many parts a turn may have. */
export const mostParts = (threads: number): number => Math.min(4 * threads, 4095);
export const boardBytes = (threads: number): number => headBytes + mostParts(threads) * partBytes;

/** A kernel's export. What it is called with beyond its parameters is left out by JavaScript. */
export type Kernel = (...args: readonly number[]) => unknown;

/** How many looks a waiting thread takes between two at the clock. */
const looks = 64;
/** How long a thread looks for its next turn, in ms, before it sleeps: a little more than what lies between two kernels. */
const awakeFor = 0.2;

/** The board as one thread sees it. */
export class Board {
  readonly #words: Int32Array;
  readonly #arguments: Float64Array;
  readonly #start: number;
  readonly #thread: number;
  readonly #kernels: readonly Kernel[];

  /**
   * @param memory   that of the kernels; what is looked at lies in front, and is not lost when it grows
   * @param start    address of the board
   * @param thread   number of this thread, 0 for the first
   * @param kernels  by their places in the list of names
   */
  constructor(memory: WebAssembly.Memory, start: number, thread: number, kernels: readonly Kernel[]) {
    this.#words = new Int32Array(memory.buffer, start, headBytes / 4);
    const end = memory.buffer.byteLength;
    this.#arguments = new Float64Array(memory.buffer, start + headBytes, (end - start - headBytes) >> 3);
    this.#start = start;
    this.#thread = thread;
    this.#kernels = kernels;
  }

  /** Address of a place for a record of a part. */
  slot(part: number, slot: keyof typeof slotBytes): number {
    return this.#start + headBytes + part * partBytes + slotBytes[slot];
  }

  /** Writes the arguments of a part. */
  write(part: number, args: readonly number[]): void {
    const at = (part * partBytes) / 8;
    for (let i = 0; i < mostArguments; i++) this.#arguments[at + i] = i < args.length ? args[i] : 0;
  }

  /** Begins a turn: from here on other threads take parts of it. */
  begin(
    kernel: number,
    parts: number,
    scratch: { readonly argument: number; readonly bytes: number } | undefined,
  ): void {
    const words = this.#words;
    words[word.kernel] = kernel;
    words[word.scratch] = scratch?.argument ?? -1;
    words[word.scratchBytes] = scratch?.bytes ?? 0;
    Atomics.store(words, word.done, 0);
    Atomics.store(words, word.failed, 0);
    const turn = (Atomics.load(words, word.claim) >>> 24) + 1;
    Atomics.store(words, word.claim, ((turn & 255) << 24) | (parts << 12));
    if (Atomics.load(words, word.asleep) > 0) Atomics.notify(words, word.claim);
  }

  /** Takes parts of the turn until none is left. @throws what a kernel of this thread throws, once its other parts are done */
  takeParts(): void {
    let failure: unknown;
    let failed = false;
    while (true) {
      const claim = Atomics.load(this.#words, word.claim);
      const part = claim & 4095;
      if (part >= ((claim >>> 12) & 4095)) break;
      if (Atomics.compareExchange(this.#words, word.claim, claim, claim + 1) !== claim) continue;
      try {
        this.#run(part);
      } catch (error) {
        failure = error;
        failed = true;
        Atomics.store(this.#words, word.failed, 1);
      }
      Atomics.add(this.#words, word.done, 1);
      if (Atomics.load(this.#words, word.awaited) === 1) Atomics.notify(this.#words, word.done);
    }
    if (failed) throw failure;
  }

  #run(part: number): void {
    const words = this.#words;
    const at = (part * partBytes) / 8;
    const args = Array.from(this.#arguments.subarray(at, at + mostArguments));
    const scratch = words[word.scratch];
    if (scratch >= 0) args[scratch] += this.#thread * words[word.scratchBytes];
    this.#kernels[words[word.kernel]](...args);
  }

  /** Whether a part of the turn stopped by a trap in any thread. */
  get hasFailed(): boolean {
    return Atomics.load(this.#words, word.failed) === 1;
  }

  /**
   * Waits until all parts of the turn are done, in the first thread, which has taken all that were left.
   *
   * @param seconds  how long a part may take
   * @returns false if one was not done in this time
   */
  awaitParts(parts: number, seconds: number): boolean {
    const words = this.#words;
    const isDone = (): boolean => Atomics.load(words, word.done) === parts;
    if (lookFor(isDone, awakeFor)) return true;
    if (!mayWait()) return lookFor(isDone, seconds * 1000);
    Atomics.store(words, word.awaited, 1);
    try {
      // In short sleeps: a machine that was suspended meanwhile has slept through one of them at most.
      for (let waited = 0; waited < seconds; waited += 0.5) {
        const done = Atomics.load(words, word.done);
        if (done === parts) return true;
        if (Atomics.wait(words, word.done, done, 500) !== "timed-out") waited -= 0.5;
      }
      return isDone();
    } finally {
      Atomics.store(words, word.awaited, 0);
    }
  }

  /** Takes parts for ever, in every thread but the first. What a kernel throws there the first thread is told of. */
  serve(): never {
    const words = this.#words;
    while (true) {
      try {
        this.takeParts();
      } catch {
        // `failed` says so.
      }
      const claim = Atomics.load(words, word.claim);
      const isNews = (): boolean => Atomics.load(words, word.claim) !== claim;
      // A turn of which the last part has just been taken by another thread.
      if ((claim & 4095) < ((claim >>> 12) & 4095) || lookFor(isNews, awakeFor)) continue;
      Atomics.add(words, word.asleep, 1);
      Atomics.wait(words, word.claim, claim);
      Atomics.sub(words, word.asleep, 1);
    }
  }
}

/** Looks whether something has come about, for so many milliseconds. */
function lookFor(hasCome: () => boolean, milliseconds: number): boolean {
  const end = performance.now() + milliseconds;
  do {
    for (let look = 0; look < looks; look++) if (hasCome()) return true;
  } while (performance.now() < end);
  return hasCome();
}

let waits: boolean | undefined;

/** The thread of a page's window may not sleep, all others may. */
function mayWait(): boolean {
  if (waits === undefined) {
    try {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
      waits = true;
    } catch {
      waits = false;
    }
  }
  return waits;
}
