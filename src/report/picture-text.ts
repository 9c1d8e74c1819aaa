import encodeJpeg from "jpeg-js/lib/encoder.js";
import type { ImageLike } from "../image/image";
import { resize } from "../image/resize-image";
import { toRgba } from "../view/canvas";

/** What all pictures of a page may take as text, so that a page of a hundred photographs can be mailed. */
const pageBytes = 8 * 2 ** 20;
/** What one takes at most, however few there are. */
const mostBytes = 160 * 2 ** 10;

/** Longest sides and qualities, from the best down; the last is taken whatever it takes. */
const forms: readonly (readonly [side: number, quality: number])[] = [
  [512, 88],
  [384, 84],
  [320, 80],
  [256, 76],
  [224, 68],
  [160, 60],
  [112, 50],
  [80, 40],
];

/** Draws a picture at a size and returns it. */
export type Draw = (side: number) => ImageLike;

export interface PictureText {
  /** `data:image/jpeg;base64,…` */
  readonly url: string;
  readonly width: number;
  readonly height: number;
}

/**
 * Writes pictures as text for a page that holds so many of them: the more there are, the smaller each is.
 *
 * @returns what writes one
 */
export function pictureWriter(count: number): (draw: Draw) => PictureText {
  const share = Math.min(mostBytes, pageBytes / Math.max(1, count));
  // What did not fit once will hardly fit the next time.
  let first = forms.findIndex(([side]) => side * side * leastBytes <= share);
  if (first < 0) first = forms.length - 1;
  return (draw) => {
    for (let i = first; ; i++) {
      const [side, quality] = forms[i];
      const { data, width, height } = toRgba(draw(side));
      const url = `data:image/jpeg;base64,${base64(new Uint8Array(encodeJpeg({ data: new Uint8Array(data.buffer), width, height }, quality).data))}`;
      if (url.length > share && i < forms.length - 1) {
        first = i + 1;
        continue;
      }
      return { url, width, height };
    }
  };
}

/** Bytes that a pixel takes at the least: where even that is too much, encoding would be work for nothing. */
const leastBytes = 0.1;

/** A picture no larger than a side, and no smaller than half of it: tiny ones are enlarged, so that people can see them. */
export function fitted(image: ImageLike, side: number): ImageLike {
  const longest = Math.max(image.width, image.height);
  if (longest > side) return resize(image, { maxSide: side });
  const factor = Math.min(side / longest, 256 / longest);
  if (factor <= 1) return image;
  return resize(image, {
    width: Math.max(1, Math.round(image.width * factor)),
    height: Math.max(1, Math.round(image.height * factor)),
  });
}

/** So many bytes become arguments at once: a multiple of 3, so that the pieces join without padding. */
const pieceBytes = 3 * 0x2000;

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += pieceBytes)
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + pieceBytes)));
  return text;
}
