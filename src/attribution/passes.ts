/** Explanations made of many passes that do not depend on each other: all of them here, or divided among several instances. */

import { throwIfAborted } from "../checks";
import { guardedAsync } from "../guard";
import type { Input, Model } from "../model/model";
import { createPace } from "../pace/pace";
import type { Attribution, ExplainOptions } from "./attribution";

/** One explanation, begun: its passes, and what their results come to. Whoever makes which of them, it has the same bits. */
export interface Passes<Result = unknown> {
  readonly count: number;
  /** How many are best made together. */
  readonly batchSize: number;
  /** Bytes that one result takes. */
  readonly resultBytes: number;
  /** How the passes are made, where there are several ways and the results depend on it. */
  readonly engine?: string;
  /** The results of some passes, later ones after earlier ones; undefined where all have to be made again, because the engine is now another one. */
  make(first: number, end: number): Promise<ArrayLike<Result> | undefined>;
  /** Takes results in, in the order of the passes. */
  take(results: ArrayLike<Result>, first: number): void;
  /** The explanation, when all results have been taken. */
  attribution(): Promise<Attribution>;
  /** Gives back memory that the passes hold once one was made. */
  close?(): void;
}

/** How a method begins; `Passes` are made and taken by whoever calls this. */
export type Begin<Options> = (model: Model, input: Input, options: Options) => Promise<Passes>;

/** The results of a part of the passes. */
export interface PartResults {
  readonly results: readonly unknown[];
  readonly engine?: string;
}

/** Where a method keeps how it begins. */
const beginning: unique symbol = /* @__PURE__ */ Symbol("how the method begins");

/** How a method begins, for whoever divides its passes; undefined of one that is not made of passes. */
export const beginningOf = (method: object): Begin<object> | undefined =>
  beginning in method ? (method[beginning] as Begin<object>) : undefined;

/** The method, which begins as another one does. */
export const beginningAs = <Method extends object>(method: Method, other: object): Method =>
  Object.assign(method, { [beginning]: beginningOf(other) });

/** A method of passes as it is called: it makes all of them, one after the other. */
export const byPasses = <Options extends ExplainOptions, Given>(
  begin: (model: Given, input: Input, options: Options) => Promise<Passes>,
): ((model: Given, input: Input, options?: Options) => Promise<Attribution>) =>
  Object.assign(
    (model: Given, input: Input, options: Options = {} as Options): Promise<Attribution> =>
      guardedAsync("The method", async () => {
        throwIfAborted(options?.signal);
        const passes = await begin(model, input, options);
        await makeAll(passes, options, [0, passes.count], (results, first) => passes.take(results, first));
        return passes.attribution();
      }),
    { [beginning]: begin },
  );

/** What all results together may take: they meet in one instance. */
const mostBytes = 256 * 2 ** 20;

/** Makes one of several parts; undefined if all of them together would take too much memory. */
export async function makePart<Options extends ExplainOptions>(
  begin: Begin<Options>,
  model: Model,
  input: Input,
  options: Options,
  [part, parts]: readonly [part: number, parts: number],
): Promise<PartResults | undefined> {
  const passes = await begin(model, input, options);
  if (passes.count * passes.resultBytes > mostBytes) return undefined;
  const start = (index: number): number => Math.floor((index * passes.count) / parts);
  const from = start(part);
  const found: unknown[] = [];
  await makeAll(passes, options, [from, start(part + 1)], (results, first) => {
    // Views of one batch would each take all of its memory to the other thread.
    for (let i = 0; i < results.length; i++) {
      const result = results[i];
      found[first - from + i] = result instanceof Float32Array ? result.slice() : result;
    }
  });
  return { results: found, engine: passes.engine };
}

/** The explanation from the results of all parts, in their order. */
export async function joinParts<Options extends ExplainOptions>(
  begin: Begin<Options>,
  model: Model,
  input: Input,
  options: Options,
  results: readonly unknown[],
): Promise<Attribution> {
  const passes = await begin(model, input, options);
  const pace = createPace(options, passes.count);
  for (let first = 0; first < results.length; first += passes.batchSize) {
    passes.take(results.slice(first, first + passes.batchSize), first);
    await pace.step(first);
  }
  return passes.attribution();
}

async function makeAll(
  passes: Passes,
  options: ExplainOptions,
  [from, to]: readonly [number, number],
  take: (results: ArrayLike<unknown>, first: number) => void,
): Promise<void> {
  const pace = createPace(options, passes.count);
  try {
    for (let first = from; first < to; ) {
      const end = Math.min(first + passes.batchSize, to);
      const results = await passes.make(first, end);
      if (!results) {
        first = from;
        continue;
      }
      take(results, first);
      first = end;
      await pace.step(first - from);
    }
  } finally {
    passes.close?.();
  }
}
