/** A folder of labelled pictures: subfolders are labels, or a table says them; masks lie beside the pictures. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { decodeImage, type ImageLike, InputError, resize } from "../index";
import { listImages, readInputFile } from "./files";
import type { Shard } from "./folder-flags";
import { maskOf, maskPathOf, type ObjectMask } from "./picture-files";
import { digestOf } from "./record-lines";

export interface LabelledPicture {
  /** Path below the folder, with forward slashes. */
  readonly id: string;
  readonly path: string;
  readonly label?: string;
  readonly read: () => Promise<ImageLike>;
  /** The object, white in `photo.mask.png`; undefined where there is no such file. */
  readonly mask: () => Promise<ObjectMask | undefined>;
  /** Of the picture's file and its mask's. */
  readonly digest: () => Promise<string>;
}

export const labelledPicture = (folder: string, id: string, label: string | undefined): LabelledPicture => {
  const [path, beside] = [join(folder, id), join(folder, maskPathOf(id))];
  return {
    ...{ id, path },
    ...(label !== undefined && { label }),
    read: async () => decodeImage(await readInputFile(path)),
    mask: () => readMask(beside),
    digest: async () =>
      digestOf([await readInputFile(path), ...(existsSync(beside) ? [await readInputFile(beside)] : [])]),
  };
};

/**
 * The pictures of a folder and its subfolders, by rising path; masks are none.
 *
 * @param table  CSV with the path below the folder and the label in each line; else the first subfolder is the label
 * @throws {InputError} if there is no picture, or the table cannot be read or names none of them
 */
export async function labelledPictures(folder: string, table?: string): Promise<readonly LabelledPicture[]> {
  const all = await listImages(folder);
  const masks = new Set(all.map(maskPathOf));
  const ids = all.filter((id) => !masks.has(id));
  if (ids.length === 0) throw new InputError(`${folder} has no PNG, JPEG or WebP files.`);
  const labels = table === undefined ? undefined : await readLabels(table);
  if (labels && !ids.some((id) => labels.has(id))) {
    throw new InputError(
      `${table} names none of the pictures of ${folder}: its first column is a path below the folder, for example ${ids[0]}.`,
    );
  }
  return ids.map((id) =>
    labelledPicture(folder, id, labels ? labels.get(id) : id.includes("/") ? id.slice(0, id.indexOf("/")) : undefined),
  );
}

async function readMask(path: string): Promise<ObjectMask | undefined> {
  return existsSync(path) ? maskOf(path, await readInputFile(path)) : undefined;
}

async function readLabels(path: string): Promise<ReadonlyMap<string, string>> {
  const text = new TextDecoder().decode(await readInputFile(path));
  try {
    const rows: string[][] = parse(text, { bom: true, trim: true, skip_empty_lines: true, relax_column_count: true });
    const wrong = rows.findIndex((row) => row.length < 2);
    if (wrong >= 0) throw new InputError(`line ${wrong + 1} has no label`);
    return new Map(rows.map(([file, label]) => [file.replace(/^\.\//, ""), label]));
  } catch (error) {
    throw new InputError(`${path} is no table of paths and labels: ${(error as Error).message}.`);
  }
}

/** Every n-th, from the i-th. @throws {InputError} if there is none */
export function shardOf(pictures: readonly LabelledPicture[], shard: Shard | undefined): readonly LabelledPicture[] {
  if (!shard) return pictures;
  const own = pictures.filter((_, i) => i % shard.of === shard.index - 1);
  if (own.length > 0) return own;
  throw new InputError(`There are ${pictures.length} pictures, none for shard ${shard.index}/${shard.of}.`);
}

/** Small copies of those that a page shows: of ten thousand photographs few fit into memory. */
export async function smallPhotos(
  pictures: readonly LabelledPicture[],
  ids: readonly string[],
  maxSide: number,
): Promise<ReadonlyMap<string, ImageLike>> {
  const wanted = new Set(ids);
  const photos = new Map<string, ImageLike>();
  for (const { id, read } of pictures) if (wanted.has(id)) photos.set(id, resize(await read(), { maxSide }));
  return photos;
}
