/** Explanations that change one input after the other, the others staying as they are, as one explanation of many passes. */
import type { Input, Model } from "../model/model";
import { joinNotes } from "../notes";
import type { Attribution } from "./attribution";
import type { BlackBox } from "./black-box";
import { type Found, finishAttribution } from "./finish";
import type { Passes } from "./passes";
import { ofInputNamed, type PerInput } from "./per-input";
import { scoreInputs } from "./score-inputs";
import type { PassesOptions, ScoredInput } from "./scored-input";

/** The passes about one input, and what they come to. */
export interface InputPasses extends Omit<Passes<number>, "attribution"> {
  found(): Found | Promise<Found>;
}

/**
 * The passes of a method that changes inputs.
 *
 * @param begin  its passes about one of them
 */
export async function inputByInput<Options extends PassesOptions>(
  given: Model | BlackBox,
  input: Input,
  options: Options,
  begin: (scored: ScoredInput, options: Options) => InputPasses,
): Promise<Passes<number>> {
  return joinPasses(await scoreInputs(given, input, options), input, options, begin);
}

/** The same of inputs that are scored in a way of their own. */
export const joinPasses = <Options>(
  scored: readonly ScoredInput[],
  input: Input,
  options: Options,
  begin: (scored: ScoredInput, options: Options) => InputPasses,
): Passes<number> =>
  new JoinedPasses(
    scored,
    input,
    scored.map((each) => begin(each, options)),
  );

/** What an option says of the input that is changed. */
export function ownOption<T>(option: string, value: PerInput<T> | undefined, { inner }: ScoredInput): T | undefined {
  if (value === undefined || !inner) return value as T | undefined;
  return ofInputNamed(
    option,
    value,
    inner.part.name,
    inner.model.parts.inputs.map(({ name }) => name),
  );
}

class JoinedPasses implements Passes<number> {
  readonly count: number;
  readonly #scored: readonly ScoredInput[];
  readonly #input: Input;
  readonly #parts: readonly InputPasses[];

  constructor(scored: readonly ScoredInput[], input: Input, parts: readonly InputPasses[]) {
    this.#scored = scored;
    this.#input = input;
    this.#parts = parts;
    this.count = parts.reduce((total, { count }) => total + count, 0);
  }

  get batchSize(): number {
    return Math.max(...this.#parts.map(({ batchSize }) => batchSize));
  }

  get resultBytes(): number {
    return this.#parts[0].resultBytes;
  }

  get engine(): string | undefined {
    return this.#parts[0].engine;
  }

  async make(first: number, end: number): Promise<ArrayLike<number> | undefined> {
    const made: ArrayLike<number>[] = [];
    for (const { part, from, to } of this.#within(first, end)) {
      for (let at = from; at < to; ) {
        const next = Math.min(at + part.batchSize, to);
        const results = await part.make(at, next);
        if (!results) return undefined;
        made.push(results);
        at = next;
      }
    }
    return made.length === 1 ? made[0] : made.flatMap((results) => Array.from(results));
  }

  take(results: ArrayLike<number>, first: number): void {
    let done = 0;
    for (const { part, from, to } of this.#within(first, first + results.length)) {
      const whole = to - from === results.length;
      part.take(whole ? results : Array.from(results).slice(done, done + to - from), from);
      done += to - from;
    }
  }

  close(): void {
    for (const part of this.#parts) part.close?.();
  }

  async attribution(): Promise<Attribution> {
    const found: Found[] = [];
    for (const part of this.#parts) found.push(await part.found());
    const [{ inner }] = this.#scored;
    if (found.length === 1 || !inner) return finishAttribution(inner?.model, this.#input, found[0]);
    const names = inner.model.parts.inputs.map(({ name }) => name);
    return finishAttribution(inner.model, this.#input, {
      ...found[0],
      byInput: Object.fromEntries(found.map(({ values }, i) => [names[i], values])),
      effect: Math.max(...found.map(({ effect }) => (typeof effect === "number" ? effect : 0))),
      notes: joinNotes(...found.map(({ notes = [] }) => notes)),
      options: optionsOfAll(found, names),
    });
  }

  /** The passes of each part among those from `first` to `end`. */
  #within(first: number, end: number) {
    let start = 0;
    return this.#parts.flatMap((part) => {
      const [from, to] = [Math.max(first - start, 0), Math.min(end - start, part.count)];
      start += part.count;
      return to > from ? [{ part, from, to }] : [];
    });
  }
}

/** Options as they were used; where inputs differ each by its name, as they may be given. */
function optionsOfAll(found: readonly Found[], names: readonly string[]): Found["options"] {
  const [{ options }, ...others] = found;
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      const alike = others.every((other) => JSON.stringify(other.options[key]) === JSON.stringify(value));
      return [key, alike ? value : Object.fromEntries(found.map((each, i) => [names[i], each.options[key]]))];
    }),
  );
}
