/** Explanations as files: overlays of pictures, plots of signals. */
import { basename } from "node:path";
import {
  type Attribution,
  type Box,
  captioned,
  drawBox,
  encodePng,
  enlarge,
  type ImageLike,
  LayerError,
  montage,
  OptionError,
  overlay,
  resize,
  sideBySide,
  signalPlot,
} from "../index";
import type { ExplainFlags } from "./explain-flags";
import { captionOf, className, type Explained, type ShownInput } from "./explained";
import { writeOutputFile } from "./files";
import { type NamedFile, nameFor } from "./named-files";
import { stacked } from "./stacked-plots";

/**
 * A file for each input that can be drawn; of one input, or where one is named, under the name as it is given.
 *
 * @throws {LayerError} if there is nothing to draw
 */
export async function writePictures(
  out: string,
  files: readonly NamedFile[],
  results: readonly Explained[],
  flags: ExplainFlags,
): Promise<readonly { readonly kind: "plot" | "overlay"; readonly name: string }[]> {
  const ofInput = (file: NamedFile) =>
    results.map(({ attribution, views }) => {
      return { attribution, view: views.find((view) => view.file === file) };
    });
  const drawable = files.filter((file) => canDraw(file, out) && ofInput(file).some(({ view }) => view?.map));
  if (drawable.length === 0) throw new LayerError(noPlaces);
  const written: { kind: "plot" | "overlay"; name: string }[] = [];
  for (const file of drawable) {
    const name = drawable.length > 1 ? nameFor(out, file.name) : out;
    const draw = file.signal ? plots : file.volume ? montages : overlays;
    await writeOutputFile(name, await draw(file, ofInput(file), flags));
    written.push({ kind: file.signal ? "plot" : "overlay", name });
  }
  return written;
}

const canDraw = ({ picture, signal, volume }: NamedFile, out: string): boolean =>
  (signal !== undefined && out.toLowerCase().endsWith(".svg")) ||
  ((picture ?? volume) !== undefined && out.toLowerCase().endsWith(".png"));

/** Finds out before the work that there is nothing to draw, or another format to draw it in. */
export function checkPictures(files: readonly NamedFile[], { out }: ExplainFlags): void {
  if (out === undefined || files.some((file) => canDraw(file, out))) return;
  const { picture, signal, volume } = files.find((file) => file.picture || file.signal || file.volume) ?? files[0];
  if (!picture && !signal && !volume) throw new LayerError(noPlaces);
  const asked = out.slice(out.lastIndexOf(".")).toLowerCase();
  if (signal && asked !== ".svg") throw new OptionError(`Signals are plotted as SVG: name --out .svg, not ${asked}.`);
  if (asked !== ".png") throw new OptionError(`Pictures are written as PNG: name --out .png, not ${asked}.`);
}

const noPlaces = "These values have no places in the image, so there is no overlay; --npy writes them.";

/** What one method says of one input. */
interface Drawn {
  readonly attribution: Attribution;
  readonly view: ShownInput | undefined;
}

type Draw = (file: NamedFile, results: readonly Drawn[], flags: ExplainFlags) => Promise<Uint8Array>;

/** The overlay as PNG, of several methods side by side. */
const overlays: Draw = async ({ path, picture: image }, results, flags) => {
  if (!image) throw new LayerError(noPlaces);
  const large = shown(image, flags);
  const pictures = results.flatMap(({ attribution, view }) =>
    picture(large, large.width / image.width, view, flags).map((each) => ({ each, method: captionOf(attribution) })),
  );
  if (pictures.length === 0) throw new LayerError(noPlaces);
  const whole =
    pictures.length === 1
      ? pictures[0].each
      : sideBySide(
          await Promise.all([
            captioned(large, basename(path)),
            ...pictures.map(({ each, method }) => captioned(each, method)),
          ]),
        );
  return encodePng(whole);
};

/** The slices of a volume side by side as PNG, those of several methods too. */
const montages: Draw = async ({ volume }, results, { colormap }) => {
  const drawn: ImageLike[] = [];
  for (const { view } of results) {
    if (volume && view?.map) drawn.push(await montage(volume, view.map, { ...(colormap && { colormap }) }));
  }
  if (drawn.length === 0) throw new LayerError(noPlaces);
  const named = results.filter(({ view }) => view?.map).map(({ attribution }) => captionOf(attribution));
  return encodePng(sideBySide(await Promise.all(drawn.map((picture, i) => captioned(picture, named[i])))));
};

/** The signal over its evidence as SVG, of several methods one below the other. */
const plots: Draw = async ({ signal, channelNames }, results, { colormap }) => {
  const drawn = results.flatMap(({ attribution: { method, target }, view }) => {
    if (!signal || !view?.map) return [];
    const title =
      method === "attention-map"
        ? `What is attended to: ${target.label}`
        : `What speaks for ${className(target)}: ${method}`;
    return [
      signalPlot(signal, view.map, { title, ...(channelNames && { channelNames }), ...(colormap && { colormap }) }),
    ];
  });
  if (drawn.length === 0) throw new LayerError(noPlaces);
  return new TextEncoder().encode(stacked(drawn));
};

/** Overlays of smaller pictures are enlarged, so that people can see them. */
const smallestPicture = 384;

/** Those of larger ones are made smaller: a photograph of twelve megapixels is a file that few can open quickly. */
const largestPicture = 1024;

function shown(image: ImageLike, { fullSize }: ExplainFlags): ImageLike {
  if (fullSize) return image;
  const isLarge = Math.max(image.width, image.height) > largestPicture;
  return isLarge ? resize(image, { maxSide: largestPicture }) : enlarge(image, smallestPicture);
}

/** The overlay on a picture that was scaled by a factor; none for values without places. */
function picture(image: ImageLike, factor: number, view: ShownInput | undefined, flags: ExplainFlags): ImageLike[] {
  const { map, box } = view ?? {};
  if (!map) return [];
  const painted = overlay(image, map, flags.colormap ? { colormap: flags.colormap } : {});
  return [box ? drawBox(painted, enlarged(box, factor)) : painted];
}

const enlarged = ({ x, y, width, height }: Box, factor: number): Box => ({
  x: x * factor,
  y: y * factor,
  width: width * factor,
  height: height * factor,
});
