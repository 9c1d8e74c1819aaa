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

  get engine(): Passes["engine"] {
    const [{ engine }] = this.#parts;
    const names = this.#scored[0].inner?.model.parts.inputs.map(({ name }) => name);
    if (!names || engine === undefined || this.#parts.every((part) => part.engine === engine)) return engine;
    return Object.fromEntries(this.#parts.map((part, i) => [names[i], `${part.engine}`]));
  }

  /** Every input's passes in their own order, spread evenly: the first ones of each tell something of every input. */
  get order(): readonly number[] | undefined {
    if (this.#parts.length === 1) return this.#parts[0].order;
    let start = 0;
    const ranked = this.#parts.flatMap(({ count, order, least = 1 }) => {
      const first = start;
      start += count;
      const own = order ?? Array.from({ length: count }, (_, pass) => pass);
      return own.map((pass, i) => ({ pass: first + pass, rank: i < least ? -1 : (i + 0.5) / count }));
    });
    return ranked.sort((a, b) => a.rank - b.rank).map(({ pass }) => pass);
  }

  get least(): number {
    return this.#parts.reduce((total, { count, least = 1 }) => total + Math.min(least, count), 0);
  }

  async make(passes: readonly number[]): Promise<ArrayLike<number> | undefined> {
    const made = new Float64Array(passes.length);
    for (const { part, own } of this.#within(passes)) {
      for (let at = 0; at < own.length; at += part.batchSize) {
        const group = own.slice(at, at + part.batchSize);
        const results = await part.make(group.map(({ pass }) => pass));
        if (!results) return undefined;
        group.forEach(({ i }, k) => {
          made[i] = results[k];
        });
      }
    }
    return made;
  }

  take(results: ArrayLike<number>, passes: readonly number[]): void {
    for (const { part, own } of this.#within(passes)) {
      part.take(
        own.map(({ i }) => results[i]),
        own.map(({ pass }) => pass),
      );
    }
  }

  restart(): void {
    for (const part of this.#parts) part.restart?.();
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

  /** The passes of each part among some, by their number within the part, and where they stand among them. */
  #within(passes: readonly number[]) {
    let start = 0;
    return this.#parts.flatMap((part) => {
      const own = passes.flatMap((pass, i) =>
        pass >= start && pass < start + part.count ? [{ pass: pass - start, i }] : [],
      );
      start += part.count;
      return own.length > 0 ? [{ part, own }] : [];
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
