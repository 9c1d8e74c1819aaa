/** Answers of long methods before all of their passes are made: who listens for them, when they come, and how far off they are. */
import { kindOf, show } from "../checks";
import { OptionError } from "../errors";
import type { Tensor } from "../tensor";
import type { Attribution } from "./attribution";

/** How much a method of many passes may do. What is reached first ends it; one group of passes is always made. */
export interface Budget {
  /** Milliseconds from the call on. How many passes fit in differs from run to run; the recipe says how many it were. */
  readonly ms?: number;
  /** Passes: the same values everywhere, every time. */
  readonly passes?: number;
}

/** What methods of many passes take. */
export interface BudgetOptions {
  /** Ends the method early, with the answer of the passes made until then and a note `unfinished`; default: all passes. */
  readonly budget?: Budget;
}

/**
 * The attribution, and on the way there the answers of the passes made until then, coarse but of the whole input, the last of them
 * the attribution itself. Awaited or iterated over, or both: the work is done once. Leaving the loop early ends the work, and what
 * is awaited then is the answer of the passes made.
 */
export type Refining = Promise<Attribution> & AsyncIterable<Attribution>;

/** @throws {OptionError} unless it is none, or a number of milliseconds or passes */
export function checkBudget(budget: unknown): asserts budget is Budget | undefined {
  if (budget === undefined) return;
  const wrong = (got: string): never => {
    throw new OptionError(
      `budget must be { ms: 2000 } (milliseconds) or { passes: 500 }, above 0 and passes a whole number, got ${got}.`,
    );
  };
  if (typeof budget !== "object" || budget === null || Array.isArray(budget)) {
    return wrong(typeof budget === "object" ? kindOf(budget) : show(budget));
  }
  const keys = Object.keys(budget);
  const foreign = keys.find((key) => key !== "ms" && key !== "passes");
  if (keys.length === 0 || foreign !== undefined) return wrong(kindOf(budget));
  const { ms, passes } = budget as Budget;
  const isAmount = (value: unknown): boolean => value === undefined || (typeof value === "number" && value > 0);
  const isWhole = passes === undefined || Number.isInteger(passes);
  if (!(isAmount(ms) && isAmount(passes) && isWhole) || (ms === undefined && passes === undefined)) wrong(show(budget));
}

/** Who has the answers on the way to an explanation. */
export interface Listening {
  /** Whether anybody has begun to iterate. */
  readonly any: boolean;
  /** Whether everybody who did has left. */
  readonly gone: boolean;
  tell(answer: Attribution): void;
}

/** Whoever iterates over an explanation that is being made. */
export class Listeners implements Listening {
  #waiting: (() => void)[] = [];
  #latest: { readonly answer: Attribution; readonly number: number } | undefined;
  #left = 0;
  #all = 0;

  readonly #others: { readonly to: Listening; readonly change: (answer: Attribution) => Attribution }[] = [];
  #whenGone: (() => void)[] = [];

  /** Whether anybody has begun to iterate. */
  get any(): boolean {
    return this.#all > 0 || this.#others.some(({ to }) => to.any);
  }

  /** Whether everybody who did has left. */
  get gone(): boolean {
    return this.any && this.#left === this.#all && this.#others.every(({ to }) => to.gone || !to.any);
  }

  /** Hands out an answer on the way. Whoever is slow misses those that a better one has followed. */
  tell(answer: Attribution): void {
    this.#latest = { answer, number: (this.#latest?.number ?? 0) + 1 };
    this.#wake();
    for (const { to, change } of this.#others) to.tell(change(answer));
  }

  /** Lets the listeners of another explanation, which is made of this one, have its answers. */
  follow(to: Listening, change: (answer: Attribution) => Attribution): void {
    this.#others.push({ to, change });
  }

  /** Calls a function when everybody who iterates has left. */
  whenGone(call: () => void): void {
    this.#whenGone.push(call);
  }

  #wake(): void {
    for (const go of this.#waiting.splice(0)) go();
  }

  iterate(result: Promise<Attribution>): AsyncIterator<Attribution, undefined> {
    this.#all += 1;
    // Whoever comes late has the next answer, not the one before.
    let seen = this.#latest?.number ?? 0;
    let settled = false;
    let ended = false;
    // A failure reaches whoever iterates from `next`; unheard here it would end the process.
    const done = result.then(
      () => {},
      () => {},
    );
    void done.then(() => {
      settled = true;
      this.#wake();
    });
    const leave = (): { done: true; value: undefined } => {
      if (!ended) this.#left += 1;
      ended = true;
      if (this.gone) for (const call of this.#whenGone.splice(0)) call();
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        if (ended) return { done: true, value: undefined };
        while (!settled && (this.#latest?.number ?? 0) <= seen) {
          await new Promise<void>((resolve) => this.#waiting.push(resolve));
        }
        if (!settled && this.#latest) {
          seen = this.#latest.number;
          return { done: false, value: this.#latest.answer };
        }
        ended = true;
        return { done: false, value: await result };
      },
      return: async () => leave(),
    };
  }
}

/** Who listens to each explanation that is being made. */
const listening = new WeakMap<object, Listeners>();

/** An explanation that can be iterated over while it is made. */
export function refining(make: (listeners: Listeners) => Promise<Attribution>): Refining {
  const listeners = new Listeners();
  const result = make(listeners);
  listening.set(result, listeners);
  return Object.assign(result, { [Symbol.asyncIterator]: () => listeners.iterate(result) });
}

/**
 * Hands the answers of an explanation on to the listeners of another, which is made of it. To be called before anything is awaited.
 *
 * @param change  what the other one adds to each
 */
export function relay(
  from: object,
  to: Listening,
  change: (answer: Attribution) => Attribution = (answer) => answer,
): void {
  listening.get(from)?.follow(to, change);
}

/** Every answer after the first comes with this many times the passes of the one before. */
const growth = 1.5;
/** The first comes after this share of all passes, or after one group of them. */
const firstShare = 1 / 64;
/** Where making answers takes more than this share of the time, some are left out. */
const mostTime = 0.2;

/** When answers are due: soon, and then each time half as many passes more have been made. */
export class AnswerTimes {
  readonly #began = performance.now();
  #spent = 0;
  #next: number;

  constructor(total: number, least: number) {
    this.#next = Math.max(least, Math.ceil(total * firstShare));
  }

  /** Whether an answer is due after this many passes. */
  due(done: number): boolean {
    if (done < this.#next || this.#spent > mostTime * (performance.now() - this.#began)) return false;
    this.#next = Math.max(done + 1, Math.ceil(done * growth));
    return true;
  }

  /** Makes an answer, and keeps the time it takes in mind. */
  async spend<T>(make: () => Promise<T>): Promise<T> {
    const began = performance.now();
    const made = await make();
    this.#spent += performance.now() - began;
    return made;
  }
}

/** Of how many of the last steps the error is estimated. */
const remembered = 4;
/** Beyond this an answer is noise, and by how much nobody can tell. */
const mostError = 3;

/**
 * How far answers are from the last one, by how far the ones before moved. Of means of n samples out of N drawn in random order
 * E‖m_n − m_N‖² = σ²(1/n − 1/N) and E‖m_n − m_k‖² = σ²(1/k − 1/n) (sampling without replacement), so that every step tells σ².
 * Fits by least squares go the same way in the limit. Where the order is another one it is a guess, and where what is missing may
 * weigh anything it is none (`Passes.tellsError`).
 */
export class ErrorEstimate {
  readonly #total: number;
  #last: { readonly values: readonly Tensor[]; readonly rest: number } | undefined;
  readonly #spreads: number[] = [];

  constructor(total: number) {
    this.#total = total;
  }

  /** Takes the next answer in. */
  of(values: readonly Tensor[], done: number): number | undefined {
    const rest = 1 / done - 1 / this.#total;
    const last = this.#last;
    if (last && last.rest > rest) {
      this.#spreads.push(squares(values, last.values) / (last.rest - rest));
      if (this.#spreads.length > remembered) this.#spreads.shift();
    }
    this.#last = { values, rest };
    if (this.#spreads.length === 0) return undefined;
    const spread = this.#spreads.reduce((sum, each) => sum + each, 0) / this.#spreads.length;
    const noise = spread * rest;
    // What is random about the answer makes it larger than the last one will be.
    const size = Math.max(squares(values) - noise, noise / mostError ** 2);
    return noise === 0 ? 0 : Math.sqrt(noise / size);
  }
}

/** ‖a − b‖², without b ‖a‖². */
function squares(a: readonly Tensor[], b?: readonly Tensor[]): number {
  let sum = 0;
  for (const [i, { data }] of a.entries()) {
    const other = b?.[i].data;
    for (let k = 0; k < data.length; k++) sum += (data[k] - (other ? other[k] : 0)) ** 2;
  }
  return sum;
}
