import { openFiles, readLabels } from "./network";
import { openPicture } from "./picture";

/** Puts files where they belong: pictures, label lists, and everything else as a network, which says what is wrong with it. */
export async function openAll(files: readonly File[]): Promise<void> {
  const pictures = files.filter(({ type }) => type.startsWith("image/"));
  const others = files.filter((file) => !pictures.includes(file));
  // A network of TensorFlow.js has its weights beside the JSON; without them, and beside an ONNX or TensorFlow Lite file, a JSON file is a list
  // of labels, unless its name is one that always says something about the network.
  const isNetwork = others.some(({ name }) => name === "model.json" || /\.bin$/i.test(name));
  const hasWhole = others.some(({ name }) => /\.(onnx|tflite)$/i.test(name));
  const labels = others.filter(
    ({ name }) =>
      /\.(json|txt|csv)$/i.test(name) &&
      !/^(metadata|config|preprocessor_config)\.json$/.test(name) &&
      (hasWhole || !isNetwork),
  );
  const network = others.filter((file) => !labels.includes(file));
  if (network.length > 0) await openFiles(network);
  for (const file of labels) await readLabels(file);
  for (const file of pictures) await openPicture(file);
}
