import { encodePng } from "../image/encode";
import type { ImageLike } from "../image/image";
import type { HeatmapSource } from "./heatmap";
import { type OverlayOptions, overlay } from "./overlay";

/** Bytes turned into text at a time: all at once they would be too many arguments for one call. */
const portion = 8192;

/** The overlay of an attribution as the address of a PNG that a page can show: `<img src>`. */
export async function overlayUrl(
  photo: ImageLike,
  attribution: HeatmapSource,
  options: OverlayOptions = {},
): Promise<string> {
  const bytes = await encodePng(overlay(photo, attribution, options));
  let text = "";
  for (let at = 0; at < bytes.length; at += portion) text += String.fromCharCode(...bytes.subarray(at, at + portion));
  return `data:image/png;base64,${btoa(text)}`;
}
