import { checkParts, kindOf, oneOf, show } from "../checks";
import { OptionError } from "../errors";
import { guarded } from "../guard";
import type { Preprocess } from "./preprocess-options";
import type { Rectangle } from "./resize";

interface Size {
  readonly width: number;
  readonly height: number;
}

/** How a picture became the network's input. Plain data: it survives JSON and the way to another thread. */
export interface Placement {
  readonly fit: NonNullable<Preprocess["fit"]>;
  /** Pixels of the picture that was explained. */
  readonly picture: Size;
  /** Pixels of the network's input. */
  readonly input: Size;
  /** The part of the picture that the input shows, in picture pixels; for 'pad' it is larger than the picture. */
  readonly region: Rectangle;
}

/**
 * The part of a picture that the network's input shows, in picture pixels; for 'pad' it is larger than the picture.
 * Attributions of pictures carry it (`attribution.placement`), and overlays and boxes are drawn back there.
 */
export function placement(image: Size, input: Size, fit: Preprocess["fit"] = "crop"): Rectangle {
  return guarded("placement", () => {
    checkParts("placement", image, ["width", "height"], "the size of a picture { width, height }");
    checkParts("placement", input, ["width", "height"], "the size of the input { width, height } behind it");
    oneOf("fit", fit, ["crop", "stretch", "pad"]);
    for (const { width, height } of [image, input]) {
      if (!isExtent(width) || !isExtent(height)) {
        throw new OptionError(`placement takes sizes above 0, got ${show(width)}×${show(height)}.`);
      }
    }
    if (fit === "stretch") return { x: 0, y: 0, width: image.width, height: image.height };
    const ratios = [image.width / input.width, image.height / input.height] as const;
    const scale = fit === "crop" ? Math.min(...ratios) : Math.max(...ratios);
    const [width, height] = [input.width * scale, input.height * scale];
    return { x: (image.width - width) / 2, y: (image.height - height) / 2, width, height };
  });
}

/** The same with what it was worked out from. */
export function placementOf(image: Size, { width, height }: Size, fit: Preprocess["fit"] = "crop"): Placement {
  const picture = { width: image.width, height: image.height };
  const input = { width, height };
  return { fit, picture, input, region: placement(picture, input, fit) };
}

const isExtent = (value: unknown): boolean => typeof value === "number" && value > 0 && value <= 2 ** 31;

/** True if it has what is needed to go from pixels of a picture to those of the network's input and back. */
export function isPlacement(given: unknown): given is Placement {
  const { picture, input, region } = (given ?? {}) as { [K in keyof Placement]?: Partial<Rectangle> | null };
  const whole = [picture, input, region].every((size) => isExtent(size?.width) && isExtent(size?.height));
  return whole && Number.isFinite(region?.x) && Number.isFinite(region?.y);
}

/** @throws {OptionError} unless it is what an attribution remembers of its picture */
export function checkPlacement(given: unknown): void {
  if (isPlacement(given)) return;
  throw new OptionError(
    `The map's placement must have picture, input and region, as attributions have it; got ${kindOf(given)}. Without it the map covers a picture of its own shape.`,
  );
}

/** A map over the network's input, which may remember the picture it belongs to. */
export interface PlacedMap extends Size {
  readonly placement?: Placement;
}

/**
 * Where a map lies in a picture, in pixels of that picture: the one that was explained, or the same at another scale. A map
 * that remembers no picture covers one of its own shape.
 *
 * @throws {OptionError} if the picture has another shape: a map is never stretched over what it was not made from
 */
export function regionIn(picture: Size, { width, height, placement: known }: PlacedMap): Rectangle {
  if (known !== undefined) checkPlacement(known);
  const own = known?.picture ?? { width, height };
  if (!isSameShape(own, picture)) throw new OptionError(otherShape(picture, own, known));
  const region = known?.region ?? { x: 0, y: 0, width, height };
  const [scaleX, scaleY] = [picture.width / own.width, picture.height / own.height];
  return {
    x: region.x * scaleX,
    y: region.y * scaleY,
    width: region.width * scaleX,
    height: region.height * scaleY,
  };
}

const sized = ({ width, height }: Size): string => `${width}×${height}`;

function otherShape(picture: Size, own: Size, known: Placement | undefined): string {
  if (known) {
    return (
      `The picture that was explained is ${sized(own)}, this one is ${sized(picture)}, which is not the same at another scale. ` +
      "Pass the picture that was explained, or say with region { x, y, width, height } where in this one the map lies."
    );
  }
  return (
    `The map is ${sized(own)} and does not know its place in a picture of ${sized(picture)}, which has another shape: over all of it ` +
    "the map would be distorted. Explain the picture itself instead of a Tensor and pass the attribution, or say where the map lies: " +
    `region: placement(picture, { width: ${own.width}, height: ${own.height} }, "crop"), "stretch" or "pad", as the Tensor was made.`
  );
}

/** True if one size is the other at another scale, its sides rounded to whole pixels. */
export function isSameShape(a: Size, b: Size): boolean {
  const [large, small] = a.width * a.height >= b.width * b.height ? [a, b] : [b, a];
  const distortion = Math.abs((small.width * large.height) / (large.width * small.height) - 1);
  const within = (rounding: number): boolean =>
    Math.max((small.width - rounding) / large.width, (small.height - rounding) / large.height) <
    Math.min((small.width + rounding) / large.width, (small.height + rounding) / large.height);
  // Some programs round down or up instead of to the nearest pixel; of a few pixels anything could be the rounding.
  return (distortion <= 0.05 && within(0.5)) || (distortion <= 0.01 && within(1));
}
