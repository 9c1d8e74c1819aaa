import { basename, join } from "node:path";
import { InputError } from "../index";
import { isFolder, listImages } from "./files";

/** A file that a command is to look at. */
export interface PictureFile {
  readonly path: string;
  /** Its path below the folder that was named, or its name. */
  readonly id: string;
}

/** The object of `photo.png` is white in `photo.mask.png`, if there is one. */
export const maskPathOf = (path: string): string => `${path.replace(/\.[^./\\]+$/, "")}.mask.png`;

/**
 * Of folders their pictures, of files themselves; each once. Masks beside pictures are none.
 *
 * @throws {InputError} if a folder cannot be read, or has no pictures
 */
export async function pictureFiles(given: readonly string[]): Promise<readonly PictureFile[]> {
  const all = new Map<string, PictureFile>();
  for (const path of given) {
    for (const file of (await isFolder(path)) ? await filesOf(path) : [{ path, id: basename(path) }]) {
      if (!all.has(file.path)) all.set(file.path, file);
    }
  }
  const masks = new Set([...all.keys()].map(maskPathOf));
  return [...all.values()].filter(({ path }) => !masks.has(path));
}

async function filesOf(folder: string): Promise<readonly PictureFile[]> {
  const found = await listImages(folder);
  if (found.length === 0) throw new InputError(`${folder} has no PNG, JPEG or WebP files.`);
  return found.map((id) => ({ path: join(folder, id), id }));
}
