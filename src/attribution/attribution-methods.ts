import type { ImageLike } from "../image/image";
import type { OverlayOptions } from "../view/overlay";
import type { Attribution } from "./attribution";

/** What is plain data of an attribution. */
export type AttributionData = Omit<Attribution, "toDataURL" | "byInput"> & Partial<Pick<Attribution, "byInput">>;

/**
 * What an attribution can do, added where JSON, a spread and a structured clone do not see it. Drawing and encoding are loaded
 * when they are asked for. So are the values by the name of the input, where there is only one.
 *
 * @param name  of that input
 */
export function withMethods(data: AttributionData, name: string): Attribution {
  const toDataURL = async (photo: ImageLike, options?: OverlayOptions): Promise<string> =>
    (await import("../view/data-url")).overlayUrl(photo, data, options);
  Object.defineProperty(data, "toDataURL", { value: toDataURL, configurable: true });
  if (!data.byInput) Object.defineProperty(data, "byInput", { value: { [name]: data.values }, configurable: true });
  return data as Attribution;
}
