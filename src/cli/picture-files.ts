import { basename, join, resolve } from "node:path";
import { decodeImage, InputError } from "../index";
import { isFolder, listImages } from "./files";

/** A file that a command is to look at. */
export interface PictureFile {
  readonly path: string;
  /** Its path below the folder that was named, or its name. */
  readonly id: string;
}

/** The object of `photo.png` is white in `photo.mask.png`, if there is one. */
export const maskPathOf = (path: string): string => `${path.replace(/\.[^./\\]+$/, "")}.mask.png`;

/** The object of a picture, and how large the picture of it is. */
export interface ObjectMask {
  /** 1 where the object is, row by row. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** @throws {InputError} naming the mask's file, if it is no picture */
export async function maskOf(path: string, bytes: Uint8Array): Promise<ObjectMask> {
  try {
    const { data, width, height } = await decodeImage(bytes);
    const channels = data.length / (width * height);
    return {
      data: Uint8Array.from({ length: width * height }, (_, i) => Number(data[i * channels] > 127)),
      ...{ width, height },
    };
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`${path}: ${error.message}`);
    throw error;
  }
}

/**
 * Of folders their pictures, of files themselves; each once. Masks beside pictures are none.
 *
 * @throws {InputError} if a folder cannot be read, or has no pictures
 */
export async function pictureFiles(given: readonly string[]): Promise<readonly PictureFile[]> {
  const all = new Map<string, PictureFile>();
  for (const path of given) {
    for (const file of (await isFolder(path)) ? await filesOf(path) : [{ path, id: basename(path) }]) {
      const place = resolve(file.path);
      if (!all.has(place)) all.set(place, file);
    }
  }
  const masks = new Set([...all.keys()].map(maskPathOf));
  return [...all].flatMap(([place, file]) => (masks.has(place) ? [] : [file]));
}

async function filesOf(folder: string): Promise<readonly PictureFile[]> {
  const found = await listImages(folder);
  if (found.length === 0) throw new InputError(`${folder} has no PNG, JPEG or WebP files.`);
  return found.map((id) => ({ path: join(folder, id), id }));
}
