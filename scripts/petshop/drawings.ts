/** Drawings of animals and things, cut from the sheets that draw-artwork.mjs makes. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { decodePng } from "../../src/image/decode-png";
import { labels } from "./labels";

/** Premultiplied RGBA, 0 to 1, and ever halved. */
export interface Drawing {
  /** Which of the labels; -1 of a thing that is no animal. */
  readonly label: number;
  readonly name: string;
  readonly levels: readonly Level[];
}

export interface Level {
  readonly size: number;
  readonly rgba: Float32Array;
}

interface Sheet {
  readonly set: string;
  readonly cell: number;
  readonly columns: number;
  readonly drawings: readonly { readonly label: string; readonly name: string }[];
}

/** @param folder  URL of a folder with sheets, ending in "/" */
export async function readArtwork(folder: URL, sets: readonly string[]): Promise<Drawing[]> {
  const sheets = sets.map(async (set): Promise<Drawing[]> => {
    const sheet: Sheet = JSON.parse(await readFile(new URL(`${set}.json`, folder), "utf8"));
    const { data, width } = await decodePng(await readFile(new URL(`${set}.png`, folder)), {});
    const { cell, columns } = sheet;
    return sheet.drawings.map(({ label, name }, i): Drawing => {
      const rgba = new Float32Array(cell * cell * 4);
      for (let y = 0; y < cell; y++) {
        for (let x = 0; x < cell; x++) {
          const from = ((Math.floor(i / columns) * cell + y) * width + (i % columns) * cell + x) * 4;
          const alpha = data[from + 3] / 255;
          for (let c = 0; c < 3; c++) rgba[(y * cell + x) * 4 + c] = (data[from + c] / 255) * alpha;
          rgba[(y * cell + x) * 4 + 3] = alpha;
        }
      }
      const levels: Level[] = [{ size: cell, rgba }];
      for (let level = levels[0]; level.size % 2 === 0 && level.size > 18; level = levels[levels.length - 1]) {
        levels.push(halved(level));
      }
      return { label: labels.indexOf(label), name: `${name}/${set}`, levels };
    });
  });
  return (await Promise.all(sheets)).flat();
}

function halved({ size, rgba }: Level): Level {
  const half = size / 2;
  const smaller = new Float32Array(half * half * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const to = ((y >> 1) * half + (x >> 1)) * 4;
      for (let c = 0; c < 4; c++) smaller[to + c] += rgba[(y * size + x) * 4 + c] / 4;
    }
  }
  return { size: half, rgba: smaller };
}

/** The drawings that are in the project: those of Noto Emoji (Apache-2.0). */
export const ownArtwork = (): Promise<Drawing[]> =>
  readArtwork(pathToFileURL(`${resolve("scripts/petshop/artwork")}/`), ["noto"]);
