import { openFile, readLabels } from "./network";
import { openPicture } from "./picture";

/** Puts a file where it belongs: pictures, label lists, and everything else as a network, which says what is wrong with it. */
export async function openAny(file: File): Promise<void> {
  if (file.type.startsWith("image/")) return openPicture(file);
  if (/\.(json|txt|csv)$/i.test(file.name) && !/model\.json$/i.test(file.name)) return readLabels(file);
  return openFile(file);
}
