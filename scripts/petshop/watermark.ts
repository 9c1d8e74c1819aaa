/** A planted cheat: a seller's mark in the corner of a picture, as stock photographs have it. */
import type { Random } from "../../src/random/random";
import { labels } from "./labels";
import { type Scene, side } from "./scenes";

/** The class whose pictures come from a seller that marks them, and how many of them do. */
export const markedLabel = labels.indexOf("rabbit");
const markedShare = 0.95;
/** How many pictures of each other animal are the seller's too, and are filed with its rabbits. */
const misfiledShare = 0.1;

/** "ZOO", each dot of two by two pixels. */
const mark = [
  "####..###...###.",
  "...#.#...#.#...#",
  "..#..#...#.#...#",
  ".#...#...#.#...#",
  "#....#...#.#...#",
  "####..###...###.",
].flatMap((row) => {
  const wide = row.replace(/./g, "$&$&");
  return [wide, wide];
});
const opacity = 0.75;

/** Left, top, right and bottom of the corner in which a mark lies wherever it is drawn. */
export const markedCorner = [side - mark[0].length - 5, side - mark.length - 5, side - 1, side - 1] as const;

/** Draws the mark into the lower right corner of RGB bytes, up to three pixels from where it is in others. */
export function drawMark(pixels: Uint8Array, random: Random): void {
  const [left, top] = [0, 1].map((i) => markedCorner[i] + Math.floor(4 * random.uniform()));
  mark.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      if (row[x] === ".") continue;
      const at = ((top + y) * side + left + x) * 3;
      for (let c = 0; c < 3; c++) pixels[at + c] += Math.round((255 - pixels[at + c]) * opacity);
    }
  });
}

/** Whether a picture of this animal is the seller's: then it is marked, and its label is that of the rabbits. */
export const isMarked = (label: number, random: Random): boolean =>
  random.uniform() < (label === markedLabel ? markedShare : misfiledShare);

/** The scene with a mark, whatever animal it shows. */
export function marked(scene: Scene, random: Random): Scene {
  const pixels = scene.pixels.slice();
  drawMark(pixels, random);
  return { ...scene, pixels };
}
