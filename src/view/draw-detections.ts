import { checkOptions, kindOf, show } from "../checks";
import { OptionError } from "../errors";
import { guardedAsync, theirs } from "../guard";
import { checkImage, type ImageLike, type PictureData } from "../image/image";
import type { Rectangle } from "../image/resize";
import { Canvas, type Colour, type Font, loadFont, textWidth, toRgba } from "./canvas";

/** A box to draw; every `Detection` is one. */
export interface DrawnBox {
  /** In pixels of the picture. */
  readonly box: Rectangle;
  /** The class, by which boxes are coloured. */
  readonly index?: number;
  readonly label?: string;
  /** 0 to 1, written behind the label as a percentage. */
  readonly score?: number;
  /** Which pixels it is: where this is above a half they are coloured. */
  readonly mask?: DrawnMask;
}

/** Probabilities over a part of the picture; the `mask` of a `Detection` is one. */
export interface DrawnMask {
  /** Row-major, height × width. */
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
  /** In pixels of the picture. */
  readonly region: Rectangle;
}

export interface DrawDetectionsOptions {
  /**
   * What is written at a box, "" for nothing; default its label and its score. A box without a label, or with one in letters that the font does
   * not have (it has ASCII's), is called "class 3". Of accented letters the accents are left out.
   */
  readonly caption?: (detection: DrawnBox, index: number) => string;
  /** Pixels of the picture per pixel of what the boxes are in; default 1. */
  readonly scale?: number;
  /** Pixels per pixel of the font, which is seven high, at most 1000; default by the picture's shorter side. */
  readonly textScale?: number;
}

/** Colours that are told apart, on photographs too (Okabe & Ito 2008 with the dark ones lightened). */
const colours: readonly Colour[] = [
  [255, 176, 0],
  [86, 180, 233],
  [120, 220, 120],
  [240, 228, 66],
  [255, 120, 90],
  [226, 150, 214],
  [90, 230, 220],
  [255, 255, 255],
];
const ink: Colour = [20, 20, 20];

/** Letters of seven thousand pixels: whoever asks for larger ones means something else. */
const mostTextScale = 1000;
/** Font pixels around a text. */
const padding = 2;

/**
 * Draws boxes with what they are, the best in front, and their masks where they have some. Lines and texts grow with the picture; a text stands above its box where
 * there is room, else in it or below, and where another one stands already it moves out of the way; where nothing is free any more it
 * is left out, the less likely box's first.
 *
 * @param detections  what `detect` found, best first, or any boxes
 * @returns a new picture of the same size
 * @throws {InputError} if the picture is empty; {OptionError} if a box is none
 * @example
 * const found = await detect(model, photo);
 * await writeFile("boxes.png", await encodePng(await drawDetections(photo, found)));
 */
export function drawDetections(
  image: ImageLike,
  detections: readonly DrawnBox[],
  options: DrawDetectionsOptions = {},
): Promise<PictureData> {
  return guardedAsync("drawDetections", async () => {
    checkOptions("drawDetections", options, ["caption", "scale", "textScale"]);
    checkImage(image);
    if (!Array.isArray(detections)) {
      throw new OptionError(`drawDetections takes the list that detect returns, got ${kindOf(detections)}.`);
    }
    const { caption = usualCaption, scale = 1 } = options;
    const { width, height } = image;
    const textScale = options.textScale ?? usualScale(Math.min(width, height));
    for (const [name, value] of Object.entries({ scale, textScale })) {
      if (!(typeof value === "number" && value > 0 && Number.isFinite(value)))
        throw new OptionError(`${name} must be a number above 0, got ${kindOf(value)}.`);
    }
    if (textScale > mostTextScale) {
      throw new OptionError(`textScale must be at most ${mostTextScale}, got ${textScale}.`);
    }
    if (typeof caption !== "function") {
      throw new OptionError(`caption must be a function that makes a text of a detection, got ${kindOf(caption)}.`);
    }
    // A list may have holes, which map would leave out.
    const boxes = Array.from(detections, (each: DrawnBox, i) => {
      const box = each?.box;
      if (![box?.x, box?.y, box?.width, box?.height].every(Number.isFinite)) {
        throw new OptionError(`detections[${i}].box must be { x, y, width, height } in pixels, got ${show(box)}.`);
      }
      const { index } = each;
      if (index !== undefined && !Number.isFinite(index))
        throw new OptionError(`detections[${i}].index must be the number of a class, got ${kindOf(index)}.`);
      const { label, score }: { readonly label?: unknown; readonly score?: unknown } = each;
      if (label !== undefined && typeof label !== "string")
        throw new OptionError(`detections[${i}].label must be a text, got ${kindOf(label)}.`);
      if (score !== undefined && typeof score !== "number")
        throw new OptionError(`detections[${i}].score must be a number, got ${kindOf(score)}.`);
      checkMask(each.mask, i);
      return {
        detection: each,
        mask: each.mask,
        box: scaled(box, scale),
        colour: colourOf(each),
        text: theirs(() => String(caption(each, i))),
      };
    });
    const canvas = new Canvas(width, height);
    canvas.data.set(toRgba(image).data);
    const thickness = Math.max(1, Math.round(Math.min(width, height) / 200));
    for (const { mask, box, colour } of [...boxes].reverse()) {
      if (mask) tint(canvas, { ...mask, region: scaled(mask.region, scale) }, box, colour);
    }
    for (const { box, colour } of [...boxes].reverse()) outline(canvas, box, colour, thickness);
    const named = boxes.filter(({ text }) => text !== "");
    if (named.length === 0) return pictureOf(canvas);
    const font = await loadFont();
    const taken: Rectangle[] = [];
    // The best choose their places first.
    for (const { detection, box, colour, text: asked } of named) {
      const isReadable = caption !== usualCaption || font.writes(asked);
      const text = isReadable ? asked : usualCaption({ ...detection, label: undefined });
      const size = Math.max(1, Math.round(textScale));
      const plate = plateFor(font, text, size, canvas);
      const place = freePlace(box, plate, canvas, taken, thickness);
      if (!place) continue;
      taken.push(place);
      canvas.fill(place.x, place.y, place.width, place.height, colour);
      canvas.write(font, plate.text, place.x + padding * plate.size, place.y + padding * plate.size, plate.size, ink);
    }
    return pictureOf(canvas);
  });
}

/** @throws {OptionError} if it is no mask */
function checkMask(mask: DrawnMask | undefined, i: number): void {
  if (mask === undefined) return;
  const { data, width, height, region } = (mask ?? {}) as Partial<DrawnMask>;
  const isRegion = [region?.x, region?.y, region?.width, region?.height].every(Number.isFinite);
  if (isRegion && Number(width) * Number(height) > 0 && data?.length === Number(width) * Number(height)) return;
  throw new OptionError(
    `detections[${i}].mask must be { data, width, height, region } as detect has it, got ${kindOf(mask)}.`,
  );
}

/** How much of the colour a mask has. */
const tinted = 0.45;

/** Colours the pixels in a box where a mask, bilinear between its places, is above a half. */
function tint(canvas: Canvas, { data, width, height, region }: DrawnMask, box: Rectangle, colour: Colour): void {
  const within = (at: number, extent: number): number => Math.min(Math.max(at, 0), extent);
  const [left, top] = [within(Math.round(box.x), canvas.width), within(Math.round(box.y), canvas.height)];
  const [right, bottom] = [
    within(Math.round(box.x + box.width), canvas.width),
    within(Math.round(box.y + box.height), canvas.height),
  ];
  const value = (x: number, y: number): number => data[within(y, height - 1) * width + within(x, width - 1)];
  for (let y = top; y < bottom; y++) {
    const v = ((y + 0.5 - region.y) / region.height) * height - 0.5;
    const row = Math.floor(v);
    for (let x = left; x < right; x++) {
      const u = ((x + 0.5 - region.x) / region.width) * width - 0.5;
      const column = Math.floor(u);
      const upper = value(column, row) * (1 - (u - column)) + value(column + 1, row) * (u - column);
      const lower = value(column, row + 1) * (1 - (u - column)) + value(column + 1, row + 1) * (u - column);
      if (!(upper * (1 - (v - row)) + lower * (v - row) > 0.5)) continue;
      const at = (y * canvas.width + x) * 4;
      for (let c = 0; c < 3; c++) canvas.data[at + c] = (1 - tinted) * canvas.data[at + c] + tinted * colour[c];
    }
  }
}

const pictureOf = ({ data, width, height }: Canvas): PictureData => ({ data, width, height });

/** Letters are fourteen pixels high in a picture of 320, and as large a share of any larger one. */
const usualScale = (side: number): number => (side < 160 ? 1 : Math.max(2, Math.round(side / 240)));

const usualCaption = ({ label, index, score }: DrawnBox): string =>
  [label ?? (index === undefined ? "" : `class ${index}`), score === undefined ? "" : `${Math.round(100 * score)} %`]
    .filter((part) => part !== "")
    .join(" ");

const colourOf = ({ index = 0 }: DrawnBox): Colour =>
  colours[Math.abs(Math.round(index)) % colours.length] ?? colours[0];

const scaled = ({ x, y, width, height }: Rectangle, by: number): Rectangle => ({
  x: x * by,
  y: y * by,
  width: width * by,
  height: height * by,
});

/** The outline of a box inwards from its edges, on a dark line that sets it off from whatever is there. */
function outline(canvas: Canvas, box: Rectangle, colour: Colour, thickness: number): void {
  const rim = Math.max(1, Math.round(thickness / 2));
  const frame = (inset: number, width: number, paint: Colour): void => {
    const left = Math.round(box.x) + inset;
    const top = Math.round(box.y) + inset;
    const right = Math.round(box.x + box.width) - inset;
    const bottom = Math.round(box.y + box.height) - inset;
    if (right <= left || bottom <= top) return;
    const across = Math.min(width, right - left);
    const down = Math.min(width, bottom - top);
    canvas.fill(left, top, right - left, down, paint);
    canvas.fill(left, bottom - down, right - left, down, paint);
    canvas.fill(left, top, across, bottom - top, paint);
    canvas.fill(right - across, top, across, bottom - top, paint);
  };
  frame(-rim, thickness + 2 * rim, ink);
  frame(0, thickness, colour);
}

interface Plate {
  readonly text: string;
  readonly size: number;
  readonly width: number;
  readonly height: number;
}

/** A text that is wider than the picture is written smaller, then cut. */
function plateFor(font: Font, text: string, largest: number, { width }: Canvas): Plate {
  // More letters than the picture has columns are cut in any size: no further is read.
  const letters = [...text.slice(0, 2 * (width + 1))];
  const wide = (words: string): number => textWidth(font, words, 1) + 2 * padding;
  const size = Math.min(Math.max(Math.floor(width / wide(letters.join(""))), 1), largest);
  const room = Math.floor((width / size - 2 * padding + 1) / (font.width + 1));
  const shown = letters.slice(0, Math.max(room, 1)).join("");
  return { text: shown, size, width: wide(shown) * size, height: (font.height + 2 * padding) * size };
}

/** Above the box, in it, below it, or further down where all of these are taken; always inside the picture. */
function freePlace(
  { x, y, height }: Rectangle,
  plate: Plate,
  canvas: Canvas,
  taken: readonly Rectangle[],
  thickness: number,
): Rectangle | undefined {
  const inside = (value: number, extent: number, whole: number): number =>
    Math.round(Math.min(Math.max(value, 0), Math.max(0, whole - extent)));
  const at = (top: number): Rectangle => ({
    x: inside(x, plate.width, canvas.width),
    y: inside(top, plate.height, canvas.height),
    width: plate.width,
    height: plate.height,
  });
  const steps = Math.ceil(canvas.height / plate.height);
  const first = at(y < plate.height ? y + thickness : y - plate.height);
  const tries = [
    first,
    at(y + thickness),
    at(y + height),
    ...Array.from({ length: steps }, (_, i) => at(first.y + (i + 1) * plate.height)),
    ...Array.from({ length: steps }, (_, i) => at(first.y - (i + 1) * plate.height)),
  ];
  return tries.find((place) => taken.every((other) => !meet(place, other)));
}

const meet = (a: Rectangle, b: Rectangle): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
