import { type Note, note } from "../notes";
import { allMethods, factsOf } from "./table";

/** Whether a method has an option. */
export const takes = (method: string, option: string): boolean =>
  factsOf(method)?.options.some((group) => Object.hasOwn(group, option)) ?? false;

/**
 * Parts options for several methods into those of one and those of others, which it does not read. Names that no method has stay
 * with its own, where they are refused.
 */
export function ownOptions<Options extends object>(
  method: string,
  options: Options,
): { readonly own: Options; readonly unused: readonly string[] } {
  const unused = Object.entries(options)
    .filter(
      ([name, value]) =>
        value !== undefined && !takes(method, name) && allMethods.some((facts) => takes(facts.name, name)),
    )
    .map(([name]) => name);
  const own = Object.fromEntries(Object.entries(options).filter(([name]) => !unused.includes(name)));
  return { own: own as Options, unused };
}

/** What a result has to say about options that its method did not read. */
export const unusedNotes = (method: string, unused: readonly string[]): readonly Note[] =>
  unused.length > 0 ? [note("unused-options", method, unused.join(", "))] : [];
