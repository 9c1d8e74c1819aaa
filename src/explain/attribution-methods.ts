import type { ImageLike } from "../image/image";
import type { OverlayOptions } from "../view/overlay";
import type { Attribution } from "./attribution";

/**
 * What an attribution can do, added where JSON, a spread and a structured clone do not see it. Drawing and encoding are loaded
 * when they are asked for.
 */
export function withMethods(data: Omit<Attribution, "toDataURL">): Attribution {
  const toDataURL = async (photo: ImageLike, options?: OverlayOptions): Promise<string> =>
    (await import("../view/data-url")).overlayUrl(photo, data, options);
  return Object.defineProperty(data, "toDataURL", { value: toDataURL, configurable: true }) as Attribution;
}
