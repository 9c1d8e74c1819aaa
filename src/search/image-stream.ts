import { type Input, isNamed, isTensor } from "../model/model";
import { picturesOf, theirValue } from "../pace/picture-stream";

/** An image of the data that is searched. */
export interface SearchImage {
  /** Names the image in the result; one id is one image, wherever it comes from. */
  readonly id: string;
  /** The image, or how to get it: called when its turn comes, so that decoding waits until then and a failure has a name. */
  readonly image: Input | (() => Input | Promise<Input>);
}

export type SearchImages = Iterable<SearchImage> | AsyncIterable<SearchImage>;

/** An image in the form the network takes and the size it had, or why there is none. */
export type Loaded =
  | {
      readonly id: string;
      readonly data: Float32Array;
      readonly picture?: { readonly width: number; readonly height: number };
    }
  | { readonly id: string; readonly error: unknown };

/**
 * Takes items from a stream in groups, without reading ahead further than one group.
 *
 * @throws {InputError} if an item has no id
 */
export async function* groups(images: SearchImages, size: number, signal?: AbortSignal): AsyncGenerator<SearchImage[]> {
  let group: SearchImage[] = [];
  for await (const item of picturesOf(images, "{ id, image }", signal)) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length > 0) yield group;
}

/** Loads and prepares one image; failures become values. */
export async function load(
  { id, image }: SearchImage,
  prepare: (input: Input) => Float32Array,
  signal?: AbortSignal,
): Promise<Loaded> {
  try {
    const input = await theirValue(image, signal);
    const data = prepare(input);
    return {
      id,
      data,
      ...(!isTensor(input) && !isNamed(input) && { picture: { width: input.width, height: input.height } }),
    };
  } catch (error) {
    return { id, error };
  }
}
