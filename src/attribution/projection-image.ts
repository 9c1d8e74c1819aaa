import { checkOptions } from "../checks";
import { guarded } from "../guard";
import type { PictureData } from "../image/image";
import { magnitudeAt } from "../image/magnitude";
import { normalisation } from "../image/normalisation";
import { loaded } from "../model/loaded-model";
import type { Model } from "../model/model";
import { imageChannels, toImage } from "../model/to-image";
import { Tensor } from "../tensor";

/**
 * Signed values of the network's input space as a picture people can look at: mid-grey is zero, and the contrast is stretched
 * until the strongest values reach black or full colour, as in figure 2 of Zeiler & Fergus 2014.
 *
 * @param values              `[1, H, W, C]` with the network's 1 or 3 channels, for example `projection.image`
 * @param options.percentile  of the magnitudes that are not zero; stronger ones are clipped, so that a few do not hide the rest.
 *   Default 99
 * @returns RGBA, opaque
 * @throws {ShapeError} if the values are no picture of this network; {OptionError} if the percentile is out of range
 * @example
 * const { image } = await projectActivation(model, cat, { layer: "conv3", unit: 5 });
 * await writeFile("projection.png", await encodePng(projectionImage(model, image)));
 */
export function projectionImage(
  given: Model,
  values: Tensor,
  options: { readonly percentile?: number } = {},
): PictureData {
  return guarded("projectionImage", () => {
    checkOptions("projectionImage", options, ["percentile"]);
    const { percentile = 99 } = options;
    const model = loaded(given);
    const channels = imageChannels(model, values);
    const { toPixel, toValue } = normalisation(model.parts.preprocess, channels);
    const zero = Array.from({ length: channels }, (_, channel) => toPixel(0, channel));
    const change = values.data.map((value, i) => toPixel(value, i % channels) - zero[i % channels]);
    const full = magnitudeAt(
      percentile,
      change.filter((step) => step !== 0),
    );
    const stretch = 127 / (full || 1);
    return toImage(
      given,
      new Tensor(
        change.map((step, i) => toValue(128 + stretch * step, i % channels)),
        values.shape,
      ),
    );
  });
}
