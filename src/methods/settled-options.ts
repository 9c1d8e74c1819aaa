import { above, atLeastZero, checkOptions, kindOf, mostPasses, oneOf, wholeNumber } from "../checks";
import { OptionError } from "../errors";
import { ownCopy } from "../own-copy";
import type { MethodFacts, OptionFacts } from "./facts";

/** The names of the options of some facts, where they are known to the compiler. */
type Names<Facts extends MethodFacts> = keyof UnionOf<Facts["options"][number]>;
type UnionOf<Group> = (Group extends unknown ? (each: Group) => void : never) extends (all: infer All) => void
  ? All
  : never;

/** Options that have a default are there. */
type Settled<Options, Facts extends MethodFacts> = Options &
  Required<Pick<Options, Defaulted<Facts["options"][number]> & keyof Options>>;
type Defaulted<Group> = Group extends unknown
  ? { [Name in keyof Group]: Group[Name] extends { readonly default: unknown } ? Name : never }[keyof Group]
  : never;

/**
 * A method's options as they are used: those given, and the defaults of the others. The compiler refuses facts that leave one out.
 *
 * @throws {OptionError} if one is unknown or is not what it must be
 */
export function settledOptions<Options extends object, const Facts extends MethodFacts>(
  { call, options: groups }: keyof Options extends Names<Facts> ? Facts : never,
  given: Options | undefined,
): Settled<Options, Facts> {
  const facts = groups.flatMap((group) => Object.entries(group));
  checkOptions(
    call,
    given,
    facts.map(([name]) => name),
  );
  const settled: Record<string, unknown> = { ...given };
  for (const [name, fact] of facts) {
    if (settled[name] === undefined) {
      if (fact.default !== undefined) settled[name] = fact.default;
    } else {
      checkOne(name, settled[name], fact);
      // What is explained is looked up at once; a detection may be known by what it is.
      if (name !== "target") settled[name] = ownCopy(settled[name]);
    }
  }
  return settled as Settled<Options, Facts>;
}

function checkOne(name: string, value: unknown, { is, least = 1, choices = [], perInput }: OptionFacts): void {
  if (perInput && typeof value === "object" && value !== null) return;
  const mustBe = (type: string, what: string): void => {
    const shown = typeof value === "string" ? JSON.stringify(value) : typeof value === "number" ? value : kindOf(value);
    if (typeof value !== type) throw new OptionError(`${name} must be ${what}, got ${shown}.`);
  };
  if (is === "count") wholeNumber(name, value as number, least, mostPasses);
  else if (is === "above") above(name, value as number);
  else if (is === "amount") atLeastZero(name, value as number);
  else if (is === "choice") oneOf(name, value as string, choices);
  else if (is === "flag") mustBe("boolean", "true or false");
  else if (is === "name") mustBe("string", "a name");
  else if (is === "function") mustBe("function", "a function");
  else if (is === "number") mustBe("number", "a number");
  else if (is === "probability" && !(typeof value === "number" && value > 0 && value < 1)) {
    throw new OptionError(
      `${name} must be above 0 and below 1, got ${typeof value === "number" ? value : kindOf(value)}.`,
    );
  }
}
