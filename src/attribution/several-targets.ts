/** Several targets at once: an attribution for each. */
import { kindOf } from "../checks";
import { TargetError } from "../errors";
import { guardedAsync } from "../guard";
import type { Input, Model } from "../model/model";
import { ownInput } from "../model/own-input";
import type { Target } from "../model/target";
import type { Attribution, ExplainOptions } from "./attribution";
import { beginningAs } from "./passes";
import type { BudgetOptions, Refining } from "./refinement";

/** In place of one target. */
export interface SeveralTargets {
  /** An attribution each, in their order; of methods that are one forward and one backward pass from one forward pass. */
  readonly targets: readonly Target[];
}

/** A method as it is called: with `targets` it returns a list. */
export interface Explains<Options> {
  (
    model: Model,
    input: Input,
    options: Omit<Options, "target"> & SeveralTargets & { readonly target?: never },
  ): Promise<Attribution[]>;
  (model: Model, input: Input, options?: Options): Promise<Attribution>;
}

/** The list that options have, if they have one. @throws {TargetError} if it is none */
function severalOf(options: unknown): readonly Target[] | undefined {
  // What is no object is refused by the method that reads it.
  const { target, targets } = Object(options) as { readonly target?: Target; readonly targets?: unknown };
  if (targets === undefined) return undefined;
  if (target !== undefined)
    throw new TargetError("Give either target, for one, or targets, for several; both are there.");
  if (!Array.isArray(targets) || targets.length === 0 || Array.from(targets).includes(undefined)) {
    throw new TargetError(
      `targets must be a list of at least one target, got ${Array.isArray(targets) ? (targets.length === 0 ? "an empty one" : "one with gaps") : kindOf(targets)}.`,
    );
  }
  return targets;
}

/**
 * A method as it is called, from how it explains one target and how it explains several.
 *
 * @param where  what an error that is a fault of this package names
 */
function severally<Options>(
  where: string,
  one: (model: Model, input: Input, options: Options) => Promise<Attribution>,
  all: (
    model: Model,
    input: Input,
    options: Omit<Options, "target"> & SeveralTargets,
    targets: readonly Target[],
  ) => Promise<Attribution[]>,
): Explains<Options> {
  function explained(
    model: Model,
    input: Input,
    options: Omit<Options, "target"> & SeveralTargets,
  ): Promise<Attribution[]>;
  function explained(model: Model, input: Input, options?: Options): Promise<Attribution>;
  async function explained(
    model: Model,
    input: Input,
    options: Options | (Omit<Options, "target"> & SeveralTargets) = {} as Options,
  ): Promise<Attribution | Attribution[]> {
    return guardedAsync(where, async (): Promise<Attribution | Attribution[]> => {
      const targets = severalOf(options);
      if (targets === undefined) return one(model, input, options as Options);
      return all(model, input, options as Omit<Options, "target"> & SeveralTargets, targets);
    });
  }
  return explained;
}

/** A method that explains several targets at once as it explains one. */
export const together = <Options extends ExplainOptions>(
  where: string,
  all: (
    model: Model,
    input: Input,
    options: Options,
    targets: readonly (Target | undefined)[],
  ) => Promise<Attribution[]>,
): Explains<Options> =>
  severally(
    where,
    async (model, input, options) => (await all(model, input, options, [options?.target]))[0],
    (model, input, options, targets) => all(model, input, options as Options & SeveralTargets, targets),
  );

/** A method that explains one target after the other. */
export const perTarget = <Options extends ExplainOptions>(
  attribute: (model: Model, input: Input, options: Options) => Promise<Attribution>,
): Explains<Options> =>
  beginningAs(
    severally("The method", attribute, async (model, input, { targets: _, ...options }, targets) => {
      const { onProgress: watch } = options as ExplainOptions;
      const found: Attribution[] = [];
      const own = ownInput(input);
      for (const [i, target] of targets.entries()) {
        const onProgress = watch && ((done: number, total: number) => watch(i * total + done, targets.length * total));
        found.push(await attribute(model, own, { ...options, target, onProgress } as Options & object));
      }
      return found;
    }),
    attribute,
  );

/** A method of many passes as it is called: its answer to one target can be iterated over while it is refined. */
export interface ExplainsInSteps<Options> {
  (
    model: Model,
    input: Input,
    options: Omit<Options, "target"> & SeveralTargets & { readonly target?: never },
  ): Promise<Attribution[]>;
  (model: Model, input: Input, options?: Options): Refining;
}

/** A method of many passes that explains one target after the other. What each leaves of a budget of time is the next one's. */
export function perTargetInSteps<Options extends ExplainOptions & BudgetOptions>(
  one: (model: Model, input: Input, options: Options) => Refining,
): ExplainsInSteps<Options> {
  function explained(
    model: Model,
    input: Input,
    options: Omit<Options, "target"> & SeveralTargets & { readonly target?: never },
  ): Promise<Attribution[]>;
  function explained(model: Model, input: Input, options?: Options): Refining;
  function explained(
    model: Model,
    input: Input,
    options: Options | (Omit<Options, "target"> & SeveralTargets & { readonly target?: never }) = {} as Options,
  ): Promise<Attribution[]> | Refining {
    // What is no object is refused by the method that reads it.
    const { targets, budget } = Object(options) as Partial<SeveralTargets> & BudgetOptions;
    if (targets === undefined) return one(model, input, options as Options);
    const called = performance.now();
    let left = Array.isArray(targets) ? targets.length : 1;
    const ms = budget?.ms;
    const inTurn = perTarget((_, image, own: Options) => {
      if (typeof ms !== "number") return one(model, image, own);
      const share = Math.max((called + ms - performance.now()) / left--, Number.MIN_VALUE);
      return one(model, image, { ...own, budget: { ...budget, ms: share } });
    });
    return inTurn(model, input, options as Omit<Options, "target"> & SeveralTargets & { readonly target?: never });
  }
  return beginningAs(explained, one);
}
