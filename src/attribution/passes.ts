/** Explanations made of many passes that do not depend on each other: all of them here, or divided among several instances. */

import { throwIfAborted } from "../checks";
import { OptionError } from "../errors";
import { guardedAsync } from "../guard";
import type { Input, Model } from "../model/model";
import { joinNotes, note } from "../notes";
import { createPace } from "../pace/pace";
import type { Attribution, ExplainOptions } from "./attribution";
import { withMethods } from "./attribution-methods";
import type { PerInput } from "./per-input";
import {
  AnswerTimes,
  type Budget,
  type BudgetOptions,
  checkBudget,
  ErrorEstimate,
  type Listeners,
  type Refining,
  refining,
} from "./refinement";

/** One explanation, begun: its passes, and what their results come to. Whoever makes which of them, it has the same bits. */
export interface Passes<Result = unknown> {
  readonly count: number;
  /** How many are best made together. */
  readonly batchSize: number;
  /** Bytes that one result takes. */
  readonly resultBytes: number;
  /** How the passes are made, where there are several ways and the results depend on it; of inputs that differ by their names. */
  readonly engine?: PerInput<string>;
  /** The order in which they tell most the soonest; default: their own. */
  readonly order?: readonly number[];
  /** How many must be taken, in that order, before there is an explanation of the whole input; default 1. Infinity: only all will do. */
  readonly least?: number;
  /** False where answers of the first passes do not tell how far off they are, because others may weigh anything; default true. */
  readonly tellsError?: boolean;
  /** The results of some passes; undefined where all have to be made again, after `restart`, because the engine is now another one. */
  make(passes: readonly number[]): Promise<ArrayLike<Result> | undefined>;
  /** Takes the results of some passes in: all passes in their own order, or the first ones of `order`. */
  take(results: ArrayLike<Result>, passes: readonly number[]): void;
  /** The explanation by the passes that were taken. */
  attribution(): Promise<Attribution>;
  /** Forgets what was taken. */
  restart?(): void;
  /** Gives back memory that the passes hold once one was made. */
  close?(): void;
}

/** How a method begins; `Passes` are made and taken by whoever calls this. */
export type BeginPasses<Options> = (model: Model, input: Input, options: Options) => Promise<Passes>;

/** The results of a part of the passes. */
export interface PartResults {
  readonly results: readonly unknown[];
  readonly engine?: PerInput<string>;
}

/** Where a method keeps how it begins. */
const beginning: unique symbol = /* @__PURE__ */ Symbol("how the method begins");

/** How a method begins, for whoever divides its passes; undefined of one that is not made of passes. */
export const beginningOf = (method: object): BeginPasses<object> | undefined =>
  beginning in method ? (method[beginning] as BeginPasses<object>) : undefined;

/** The method, which begins as another one does. */
export const beginningAs = <Method extends object>(method: Method, other: object): Method =>
  Object.assign(method, { [beginning]: beginningOf(other) });

/**
 * A method of passes as it is called. It makes all of them, or as many as a budget allows. Whoever iterates over the result gets answers
 * on the way: the passes are made in an order in which they tell most the soonest then, and the last answer has the bits that all of
 * them give in their own order.
 */
export const byPasses = <Options extends ExplainOptions & BudgetOptions, Given>(
  begin: (model: Given, input: Input, options: Options) => Promise<Passes>,
): ((model: Given, input: Input, options?: Options) => Refining) =>
  Object.assign(
    (model: Given, input: Input, options: Options = {} as Options): Refining =>
      refining((listeners) =>
        guardedAsync("The method", async () => {
          throwIfAborted(options?.signal);
          const { budget } = options ?? {};
          checkBudget(budget);
          const clock = budget && budgetClock(budget);
          const passes = await begin(model, input, budget === undefined ? options : { ...options, budget: undefined });
          if (clock || listeners.any) return explainInSteps(passes, options, listeners, clock);
          return explainWhole(passes, options);
        }),
      ),
    { [beginning]: begin },
  );

interface BudgetClock {
  /** Whether there is nothing left after some passes. */
  isUsedUp(done: number): boolean;
  /** How many of a group of passes are likely to fit into what is left; at least 1. */
  room(done: number, group: number): number;
}

function budgetClock({ ms = Number.POSITIVE_INFINITY, passes = Number.POSITIVE_INFINITY }: Budget): BudgetClock {
  const called = performance.now();
  let began: number | undefined;
  return {
    isUsedUp: (done) => done >= passes || performance.now() - called >= ms,
    room(done, group) {
      const now = performance.now();
      // The first pass tells how long one takes.
      began ??= now;
      const most = Math.max(1, Math.min(group, passes - done));
      if (ms === Number.POSITIVE_INFINITY) return most;
      const each = (now - began) / done;
      return done === 0 ? 1 : Math.max(1, Math.min(most, Math.floor((called + ms - now) / (each || 1))));
    },
  };
}

/** Makes all passes in their own order. */
async function explainWhole(passes: Passes, options: ExplainOptions): Promise<Attribution> {
  await makePasses(passes, options, { take: (results, at) => passes.take(results, at) });
  return passes.attribution();
}

/** Makes passes in the order that tells most the soonest, until all are made, the budget is used up or nobody listens any more. */
async function explainInSteps(
  passes: Passes,
  options: ExplainOptions & BudgetOptions,
  listeners: Listeners,
  clock: BudgetClock | undefined,
): Promise<Attribution> {
  const { count, order, least: asked = 1, tellsError = true } = passes;
  if (asked === Number.POSITIVE_INFINITY) {
    if (clock) throw tooMuchToKeep(passes);
    return explainWhole(passes, options);
  }
  const least = Math.min(asked, count);
  const moments = new AnswerTimes(count, least);
  const estimate = new ErrorEstimate(count);
  const answer = async (done: number): Promise<Attribution> => {
    const found = await passes.attribution();
    if (done === count) return found;
    const error = tellsError ? estimate.of(Object.values(found.byInput), done) : undefined;
    return unfinished(found, { done, total: count, ...(error !== undefined && { error }) });
  };
  const mayEnd = (done: number): boolean => done >= least && (listeners.gone || (clock?.isUsedUp(done) ?? false));
  const done = await makePasses(passes, options, {
    order,
    group: clock && ((made) => clock.room(made, passes.batchSize)),
    take: (results, at) => passes.take(results, at),
    mayEnd,
    async after(made) {
      // Where nobody listens they still tell how far off the last one is.
      if (made < count && !mayEnd(made) && moments.due(made)) listeners.tell(await moments.spend(() => answer(made)));
    },
  });
  return answer(done);
}

/** An answer before the last: what it rests on, and how to repeat it. */
function unfinished(found: Attribution, refinement: NonNullable<Attribution["refinement"]>): Attribution {
  const { done, total, error } = refinement;
  const { byInput, toDataURL: _, ...data } = found;
  const off = error === undefined ? "" : `${(100 * error).toPrecision(2)} %`;
  const isOne = !Object.keys(found).includes("byInput");
  return withMethods(
    {
      ...data,
      ...(!isOne && { byInput }),
      refinement,
      notes: joinNotes(found.notes, [note("unfinished", String(done), String(total), off)]),
      recipe: { ...found.recipe, options: { ...found.recipe.options, budget: { passes: done } } },
    },
    Object.keys(byInput)[0],
  );
}

const tooMuchToKeep = ({ count, resultBytes }: Passes): OptionError =>
  new OptionError(
    `A budget for these ${count} passes would keep all their results, ${Math.ceil((count * resultBytes) / 2 ** 20)} MiB, and at most ` +
      `${mostPartBytes / 2 ** 20} MiB are kept. Ask for fewer passes, or leave budget out.`,
  );

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

/** What all results together may take: they meet in one instance. */
export const mostPartBytes = 256 * 2 ** 20;

/** Makes one of several parts; undefined if all of them together would take too much memory. */
export async function makePart<Options extends ExplainOptions>(
  begin: BeginPasses<Options>,
  model: Model,
  input: Input,
  options: Options,
  [part, parts]: readonly [part: number, parts: number],
): Promise<PartResults | undefined> {
  const passes = await begin(model, input, options);
  if (passes.count * passes.resultBytes > mostPartBytes) return undefined;
  const start = (index: number): number => Math.floor((index * passes.count) / parts);
  const from = start(part);
  const found: unknown[] = [];
  await makePasses(passes, options, {
    from,
    to: start(part + 1),
    take(results, at) {
      // Views of one batch would each take all of its memory to the other thread.
      for (let i = 0; i < results.length; i++) {
        const result = results[i];
        found[at[i] - from] = result instanceof Float32Array ? result.slice() : result;
      }
    },
  });
  return { results: found, engine: passes.engine };
}

/** The explanation from the results of all parts, in their order. */
export async function joinParts<Options extends ExplainOptions>(
  begin: BeginPasses<Options>,
  model: Model,
  input: Input,
  options: Options,
  results: readonly unknown[],
): Promise<Attribution> {
  const passes = await begin(model, input, options);
  const pace = createPace(options, passes.count);
  for (let first = 0; first < results.length; first += passes.batchSize) {
    const group = results.slice(first, first + passes.batchSize);
    passes.take(group, range(first, first + group.length));
    await pace.step(first);
  }
  return passes.attribution();
}

/** Which passes are made, in groups, and what becomes of their results. */
interface Course {
  /** Default: all. */
  readonly from?: number;
  readonly to?: number;
  /** Default: their own. */
  readonly order?: readonly number[] | undefined;
  /** How many come next, after so many; default: as many as are best made together. */
  readonly group?: ((done: number) => number) | undefined;
  take(results: ArrayLike<unknown>, passes: readonly number[]): void;
  /** Whether so many are enough; default: all of them. */
  readonly mayEnd?: (done: number) => boolean;
  /** Called after each group. */
  readonly after?: (done: number) => Promise<void>;
}

/** Makes passes group by group. @returns how many */
async function makePasses(
  passes: Passes,
  options: ExplainOptions,
  {
    from = 0,
    to = passes.count,
    order,
    group = () => passes.batchSize,
    take,
    mayEnd = () => false,
    after = async () => {},
  }: Course,
): Promise<number> {
  const pace = createPace(options, passes.count);
  try {
    let done = 0;
    while (from + done < to && !mayEnd(done)) {
      const first = from + done;
      const end = Math.min(first + group(done), to);
      const at = order ? order.slice(first, end) : range(first, end);
      const results = await passes.make(at);
      if (!results) {
        passes.restart?.();
        done = 0;
        continue;
      }
      take(results, at);
      done = end - from;
      await pace.step(done);
      await after(done);
    }
    return done;
  } finally {
    passes.close?.();
  }
}
