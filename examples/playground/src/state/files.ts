import { openFiles, readLabels } from "./network";
import { openPicture } from "./picture";

/** Puts files where they belong: pictures, label lists, and everything else as a network, which says what is wrong with it. */
export async function openAll(files: readonly File[]): Promise<void> {
  const pictures = files.filter(({ type }) => type.startsWith("image/"));
  const others = files.filter((file) => !pictures.includes(file));
  // A network of several files has its weights beside the JSON; without them a JSON file is a list of labels.
  const isNetwork = others.some(({ name }) => name === "model.json" || /\.bin$/i.test(name));
  const labels = isNetwork ? [] : others.filter(({ name }) => /\.(json|txt|csv)$/i.test(name));
  const network = others.filter((file) => !labels.includes(file));
  if (network.length > 0) await openFiles(network);
  for (const file of labels) await readLabels(file);
  for (const file of pictures) await openPicture(file);
}
