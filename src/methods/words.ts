import { oneOf, show } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import { type MethodName, methodWords } from "./table";

/**
 * What high and low values of a method mean, in words.
 *
 * @param target  what was explained, as people call it
 * @throws {OptionError} if there is no such method, or the target is no text
 */
export function inWords(method: MethodName, target: string): { readonly high: string; readonly low: string } {
  return guarded("inWords", () => {
    oneOf("inWords: the method", method, Object.keys(methodWords));
    if (typeof target !== "string") throw new OptionError(`inWords: the target is text, got ${show(target)}.`);
    const { high, low } = methodWords[method];
    const said = (text: string): string => text.replaceAll("{target}", () => target);
    return { high: said(high), low: said(low) };
  });
}
