import { isUint16Array } from "../bytes";
import { checkOptions, checkParts, kindOf, show } from "../checks";
import { OptionError, ShapeError } from "../errors";
import { guarded } from "../guard";
import type { PictureData } from "../image/image";
import { showShape, sizeOf, type Tensor } from "../tensor";

/** Which class each pixel of an output map belongs to. */
export interface ClassMap {
  /** Row-major, height × width. */
  readonly classes: Uint16Array;
  readonly width: number;
  readonly height: number;
  /** Pixels per class. */
  readonly counts: readonly number[];
  /** 1 where a pixel belongs to the class: what a target `{ mask, channel }` takes. */
  mask(index: number): Uint8Array;
}

/**
 * The class of each pixel of a segmenter's output: the channel with the largest value, the first where several have it. A
 * map of one channel has two classes: 1 from `threshold` on, 0 below.
 *
 * @param output  `[1, H, W, C]`, as `model.run` returns it
 * @param options.threshold  for one channel; default 0.5, right after a sigmoid; use 0 for logits
 * @throws {ShapeError} if the output is no map
 * @example
 * const { output } = await model.run(image);
 * const attribution = await gradCam(model, image, { target: { mask: classMap(output).mask(7), channel: 7 } });
 */
export function classMap(output: Tensor, options: { readonly threshold?: number } = {}): ClassMap {
  return guarded("classMap", () => {
    checkOptions("classMap", options, ["threshold"]);
    const { threshold = 0.5 } = options;
    checkParts("classMap", output, ["shape", "data"], "the output of model.run, a Tensor");
    const { shape, data } = output;
    if (
      !Array.isArray(shape) ||
      !shape.every(Number.isInteger) ||
      shape.length !== 4 ||
      shape[0] !== 1 ||
      sizeOf(shape) !== data?.length
    ) {
      throw new ShapeError(`classMap takes the output map of a segmenter, [1, H, W, C]; this is ${showShape(shape)}.`);
    }
    const [, height, width, channels] = shape;
    const classes = Uint16Array.from({ length: height * width }, (_, pixel) => {
      if (channels === 1) return Number(data[pixel] >= threshold);
      let best = 0;
      for (let c = 1; c < channels; c++) if (data[pixel * channels + c] > data[pixel * channels + best]) best = c;
      return best;
    });
    const counts = new Array<number>(Math.max(2, channels)).fill(0);
    for (const index of classes) counts[index]++;
    return {
      classes,
      width,
      height,
      counts,
      mask: (index) => {
        if (!Number.isInteger(index) || index < 0 || index >= counts.length) {
          throw new OptionError(`The map has classes 0 to ${counts.length - 1}, got ${show(index)}.`);
        }
        return Uint8Array.from(classes, (found) => Number(found === index));
      },
    };
  });
}

/** Okabe & Ito 2008: told apart also by people who see fewer colours. */
const palette = [0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2, 0xd55e00, 0xcc79a7] as const;

/** A class map as a picture, a colour per class; class 0 is black, and every seventh class has the colour again, darker. */
export function classMapImage(map: ClassMap): PictureData {
  return guarded("classMapImage", () => {
    checkParts("classMapImage", map, ["classes", "width", "height"], "what classMap returns");
    const { classes, width, height } = map;
    const whole = [width, height].every((extent) => Number.isInteger(extent) && extent > 0);
    if (!whole || !isUint16Array(classes) || classes.length !== width * height) {
      throw new OptionError(
        `A class map has one class per pixel, a Uint16Array; this one is ${show(width)}×${show(height)} with ${kindOf(classes)}.`,
      );
    }
    const data = new Uint8ClampedArray(width * height * 4);
    classes.forEach((index, pixel) => {
      const colour = index === 0 ? 0 : palette[(index - 1) % palette.length];
      const shade = 0.6 ** Math.floor((index - 1) / palette.length);
      const rgb = [colour >> 16, (colour >> 8) & 255, colour & 255].map((level) => Math.round(level * shade));
      data.set([...rgb, 255], pixel * 4);
    });
    return { data, width, height };
  });
}
