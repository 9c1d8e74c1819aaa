/** Several threads behind the kernels of one memory: calls that are long enough are divided among them. */
import { SeethroughError } from "../../errors";
import type { Kernels, Pointer } from "../kernels";
import { Board, type Kernel, mostParts } from "./board";
import { type Cut, gain, placeAt, type Reader, type RecordPlace, readerOf } from "./cut";
import { cuts } from "./cuts";

/** The kernels that are divided, in an order that all threads know. */
export const dividedKernels: readonly string[] = Object.keys(cuts);

/** A call of less is not divided: to meet takes a few microseconds. */
const leastWork = 40_000;
/** Parts that are large enough to be divided again, so that a thread that is held up holds up less. */
const largePart = 500_000;
/** A thread that has not done its part after so many seconds is no more. */
const patience = 20;

/** What is settled once for tests: how much work is divided. */
export interface TeamOptions {
  /** Nanoseconds; default 40 µs. */
  readonly leastWork?: number;
}

export class Team {
  readonly kernels: Kernels;
  readonly #board: Board;
  readonly #memory: WebAssembly.Memory;
  readonly #threads: number;
  readonly #least: number;
  readonly #reader: Reader;
  #ended = false;
  #broken: SeethroughError | undefined;

  /**
   * @param plain  the kernels of the first thread
   * @param start  address of the board
   */
  constructor(plain: Kernels, start: Pointer, threads: number, options: TeamOptions = {}) {
    const exported = plain as unknown as Readonly<Record<string, Kernel>>;
    this.#memory = plain.memory;
    this.#reader = readerOf(plain.memory);
    this.#threads = threads;
    this.#least = options.leastWork ?? leastWork;
    const divided = dividedKernels.map((name) => exported[name]);
    this.#board = new Board(plain.memory, start, 0, divided);
    const wrapped = Object.fromEntries(
      dividedKernels.map((name, i) => [name, (...args: number[]) => this.#call(name, i, divided[i], args)]),
    );
    this.kernels = { ...exported, ...wrapped } as unknown as Kernels;
  }

  /** From here on the first thread does everything by itself. */
  end(): void {
    this.#ended = true;
  }

  #call(name: string, index: number, kernel: Kernel, args: readonly number[]): void {
    if (this.#broken) throw this.#broken;
    const cut = this.#ended ? undefined : this.#best(cuts[name as keyof typeof cuts]?.(args, this.#reader) ?? []);
    if (!cut) {
      kernel(...args);
      return;
    }
    const parts = this.#divide(cut);
    this.#board.begin(index, parts, cut.scratch && { ...cut.scratch, bytes: scratchStep(cut.scratch.bytes) });
    let failure: { readonly error: unknown } | undefined;
    try {
      this.#board.takeParts();
    } catch (error) {
      failure = { error };
    }
    if (!this.#board.awaitParts(parts, patience)) this.#break();
    if (failure) throw failure.error;
    if (this.#board.hasFailed) throw new Error(`the kernel ${name} was stopped in another thread`);
  }

  #best(ways: readonly Cut[]): Cut | undefined {
    let best: Cut | undefined;
    let most = 1.1;
    for (const cut of ways) {
      if (!(cut.work >= this.#least) || cut.units < 2) continue;
      const gained = gain(cut, this.#threads);
      if (gained <= most) continue;
      [best, most] = [cut, gained + 0.02];
    }
    return best;
  }

  /** Writes the parts of a call. @returns how many */
  #divide(cut: Cut): number {
    const { units, grain = 1, work, again = 0 } = cut;
    const grains = Math.ceil(units / grain);
    // What every part does again is not to be done more often than there are threads.
    const finer = again > 0.01 ? 1 : Math.min(4, Math.floor(work / this.#threads / largePart));
    const wanted = this.#threads * Math.max(1, finer);
    const parts = Math.min(grains, wanted, mostParts(this.#threads));
    for (let part = 0; part < parts; part++) {
      const begin = Math.floor((part * grains) / parts) * grain;
      const end = Math.min(Math.floor(((part + 1) * grains) / parts) * grain, units);
      this.#board.write(part, cut.part(begin, end, this.#placeOf(part)));
    }
    return parts;
  }

  #placeOf(part: number): RecordPlace {
    const more = this.#board.slot(part, "more");
    return placeAt(this.#memory, { record: this.#board.slot(part, "records"), more, table: more });
  }

  #break(): never {
    this.#broken = new SeethroughError(
      `A thread of this model ended in the midst of its work, or has stood still for ${patience} seconds: what it was to write is not ` +
        "complete. Load the model again; with { threads: 1 } if it happens more than once.",
    );
    throw this.#broken;
  }
}

/** Bytes from the scratch memory of one thread to that of the next. */
const scratchStep = (bytes: number): number => Math.ceil(bytes / 64) * 64;
