import type { Thread } from "./thread";

interface Seat {
  thread: Thread;
}

interface Waiting {
  readonly take: (seat: Seat) => void;
  readonly giveUp: (error: unknown) => void;
}

/** The places of a pool: each holds one thread, which does one thing at a time; who finds none free waits in line. */
export class Seats {
  readonly #all: readonly Seat[];
  readonly #free: Seat[];
  readonly #waiting = new Set<Waiting>();
  readonly #start: () => Promise<Thread>;
  #closed: Error | undefined;

  constructor(threads: readonly Thread[], start: () => Promise<Thread>) {
    this.#all = threads.map((thread) => ({ thread }));
    this.#free = [...this.#all];
    this.#start = start;
  }

  get size(): number {
    return this.#all.length;
  }

  get free(): number {
    return this.#free.length;
  }

  get threads(): readonly Thread[] {
    return this.#all.map(({ thread }) => thread).filter((thread) => thread.isAlive());
  }

  /**
   * Does something in the next free thread; a fresh one if that has died.
   *
   * @param isUrgent  whether it goes before all others that wait
   * @throws the signal's reason as soon as it is aborted, whether the work had begun or not
   * @throws why the thread ended, if it ends meanwhile
   */
  async use<T>(work: (thread: Thread) => Promise<T>, signal: AbortSignal, isUrgent = false): Promise<T> {
    signal.throwIfAborted();
    let giveUp = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      giveUp = () => reject(signal.reason);
    });
    signal.addEventListener("abort", giveUp);
    try {
      return await Promise.race([this.#next(work, signal, isUrgent), aborted]);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  async #next<T>(work: (thread: Thread) => Promise<T>, signal: AbortSignal, isUrgent: boolean): Promise<T> {
    const seat = await this.#take(signal, isUrgent);
    try {
      if (!seat.thread.isAlive()) await this.#replace(seat);
      const { thread } = seat;
      thread.setBusy(true);
      try {
        return await Promise.race([work(thread), thread.ended]);
      } finally {
        if (thread.isAlive()) thread.setBusy(false);
      }
    } finally {
      this.#give(seat);
    }
  }

  async #replace(seat: Seat): Promise<void> {
    if (this.#closed) throw this.#closed;
    seat.thread = await this.#start();
    if (!this.#closed) return;
    seat.thread.end(this.#closed);
    throw this.#closed;
  }

  /** A free seat at once, before anything else can happen, so that a call knows how many there are. */
  #take(signal: AbortSignal, isUrgent: boolean): Seat | Promise<Seat> {
    if (this.#closed) throw this.#closed;
    const seat = this.#free.shift();
    if (seat) return seat;
    return new Promise((resolve, reject) => {
      const leave = (): void => waiting.giveUp(signal.reason);
      const gone = (): void => {
        this.#waiting.delete(waiting);
        signal.removeEventListener("abort", leave);
      };
      const waiting: Waiting = {
        take(next) {
          gone();
          resolve(next);
        },
        giveUp(error) {
          gone();
          reject(error);
        },
      };
      const others = isUrgent ? [...this.#waiting] : [];
      for (const other of others) this.#waiting.delete(other);
      for (const each of [waiting, ...others]) this.#waiting.add(each);
      signal.addEventListener("abort", leave);
    });
  }

  #give(seat: Seat): void {
    const [next] = this.#waiting;
    if (next) next.take(seat);
    else this.#free.push(seat);
  }

  /** Ends every thread; what waits or runs rejects with the error, and so does what comes later. */
  close(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    for (const waiting of this.#waiting) waiting.giveUp(error);
    for (const { thread } of this.#all) if (thread.isAlive()) thread.end(error);
  }
}
