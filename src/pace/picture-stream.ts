/** Pictures that come one after the other, from whoever calls: what everything that looks at many of them shares. */
import { kindOf, messageOf, throwIfAborted } from "../checks";
import { InputError, SeethroughError } from "../errors";
import { theirItems, theirsAsync } from "../guard";

/** How a stream of pictures is gone through. */
export interface StreamOptions {
  /** How many pictures will come, if they are no array. */
  readonly total?: number;
  readonly signal?: AbortSignal;
}

/** How many will come; NaN where nobody knows. */
export const pictureCount = (pictures: object, { total }: StreamOptions): number =>
  total ?? (Array.isArray(pictures) ? pictures.length : Number.NaN);

/**
 * The pictures of a list or stream.
 *
 * @param shape  what each must be, as an error says it
 * @throws {InputError} if one has no id, or no image; the signal's reason
 */
export async function* picturesOf<Item extends { readonly id: string; readonly image: unknown }>(
  pictures: Iterable<Item> | AsyncIterable<Item>,
  shape: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Item> {
  let count = 0;
  for await (const item of theirItems(pictures, signal)) {
    throwIfAborted(signal);
    count++;
    const given: unknown = item;
    const isOne = typeof given === "object" && given !== null && "image" in given;
    if (!isOne || typeof item.id !== "string" || item.id === "") {
      throw new InputError(`Image ${count} of the stream must be ${shape} with a text as id, got ${kindOf(given)}.`);
    }
    yield item;
  }
}

/** A value, or what a function of the caller's that gets it comes to. */
export const theirValue = <T>(value: T | (() => T | Promise<T>), signal: AbortSignal | undefined): Promise<T> =>
  theirsAsync(() => (typeof value === "function" ? (value as () => T | Promise<T>)() : value), signal);

/**
 * Looks at one picture.
 *
 * @returns why that failed, where failures are to be skipped
 * @throws {InputError} naming the picture where they are not; what the caller's own functions throw; the signal's reason
 */
export async function failureOf(
  id: string,
  { onError = "throw", signal }: { readonly onError?: "throw" | "skip"; readonly signal?: AbortSignal },
  look: () => Promise<void>,
): Promise<string | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    throwIfAborted(signal);
    if (onError === "skip") return messageOf(error);
    if (!(error instanceof SeethroughError)) throw error;
    throw new InputError(`Image "${id}": ${messageOf(error)}`, { cause: error });
  }
}
