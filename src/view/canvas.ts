import { colourRows } from "../image/colours";
import { channelsOf, checkImage, type ImageLike, isOpaque, type PictureData } from "../image/image";

export type Colour = readonly [red: number, green: number, blue: number];

/** The bitmap font of captions: columns of 7 pixels, the lowest bit at the top. */
export interface Font {
  readonly width: number;
  readonly height: number;
  /** The columns of a character; of one the font does not have, those of its letter without accents, or of a question mark. */
  columns(character: string): readonly number[];
  /** Whether it has every character, or its letter without accents. */
  writes(text: string): boolean;
}

/** Loads the font when the first caption is drawn. */
export async function loadFont(): Promise<Font> {
  const { width, height, fontData, lookup } = (await import("oled-font-5x7")).default;
  const unknown = lookup.indexOf("?");
  const place = (character: string): number => {
    const known = lookup.indexOf(character);
    return known < 0 ? lookup.indexOf(character.normalize("NFD")[0]) : known;
  };
  return {
    width,
    height,
    columns: (character) => {
      const known = place(character);
      const start = (known < 0 ? unknown : known) * width;
      return fontData.slice(start, start + width);
    },
    writes: (text) => [...text].every((character) => place(character) >= 0),
  };
}

/** An opaque picture that others are drawn into; what would lie outside is left out. */
export class Canvas implements PictureData {
  readonly data: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;

  constructor(width: number, height: number, background: Colour = [255, 255, 255]) {
    [this.width, this.height] = [width, height];
    this.data = new Uint8ClampedArray(width * height * 4);
    this.fill(0, 0, width, height, background);
  }

  fill(left: number, top: number, width: number, height: number, colour: Colour): void {
    for (let y = Math.max(0, top); y < Math.min(this.height, top + height); y++) {
      for (let x = Math.max(0, left); x < Math.min(this.width, left + width); x++)
        this.data.set([...colour, 255], (y * this.width + x) * 4);
    }
  }

  draw(image: ImageLike, left: number, top: number): void {
    const { data, width, height } = toRgba(image);
    const columns = Math.min(width, this.width - left);
    for (let y = 0; y < Math.min(height, this.height - top); y++) {
      this.data.set(data.subarray(y * width * 4, (y * width + columns) * 4), ((top + y) * this.width + left) * 4);
    }
  }

  /** @param scale  pixels per pixel of the font */
  write(font: Font, text: string, left: number, top: number, scale: number, colour: Colour = [40, 40, 40]): void {
    let x = left;
    for (const character of text) {
      font.columns(character).forEach((column, i) => {
        for (let row = 0; row < font.height; row++)
          if ((column >> row) & 1) this.fill(x + i * scale, top + row * scale, scale, scale, colour);
      });
      x += (font.width + 1) * scale;
    }
  }
}

/** Pixels that a text takes. */
export const textWidth = (font: Font, text: string, scale: number): number =>
  Math.max(0, [...text].length * (font.width + 1) - 1) * scale;

/** The picture with four channels, opaque: what is transparent lies on white, as the network saw it. */
export function toRgba(image: ImageLike): PictureData {
  checkImage(image);
  const { width, height } = image;
  if (channelsOf(image) === 4 && isOpaque(image.data)) {
    return { data: new Uint8ClampedArray(image.data), width, height };
  }
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  if (channelsOf(image) === 3) {
    const from = image.data;
    for (let at = 0, to = 0; at < from.length; at += 3, to += 4) {
      data[to] = from[at];
      data[to + 1] = from[at + 1];
      data[to + 2] = from[at + 2];
    }
    return { data, width, height };
  }
  const { rowOf } = colourRows(image, 3);
  for (let y = 0, to = 0; y < height; y++) {
    const [colours] = rowOf(y);
    for (let from = 0; from < width * 3; to += 4) {
      for (let c = 0; c < 3; c++) data[to + c] = Math.round(colours[from++]);
    }
  }
  return { data, width, height };
}
