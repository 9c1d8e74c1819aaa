/** What a TensorFlow Lite file says of its use: class names, how pixels become numbers, score thresholds. */
import { unzipSync } from "fflate";
import { messageOf } from "../checks";
import { SeethroughError } from "../errors";
import { type Limits, withinLimit } from "../limits";
import { type Note, note } from "../notes";
import type { FileModel } from "./schema";
import { FlatFile, type Table } from "./table";

interface Said {
  readonly labels?: readonly string[];
  /** pixel → (pixel − mean) / std, as the file has it: of pixels from 0 to 255. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly notes: readonly Note[];
}

/** Files that describe a tensor: names of its places along an axis, or of its values. */
const labelKinds: ReadonlySet<number> = new Set([2, 3]);

/**
 * Reads the metadata of a file, and the files in the ZIP archive behind it that this names. What is damaged is left out and said in a note.
 *
 */
export function describe(bytes: Uint8Array, { metadata }: FileModel, limits: Limits): Said {
  const part = metadata.get("TFLITE_METADATA");
  if (!part) return { notes: [] };
  try {
    const [graph] = new FlatFile(part, limits).root("The metadata").tables(3, "Metadata of a graph");
    if (!graph) return { notes: [] };
    const [input] = graph.tables(2, "Metadata of an input");
    const outputs = graph.tables(3, "Metadata of an output");
    const normalisation = input && optionsOf(input, 1);
    const [mean, std] = normalisation ? [normalisation.floats(0), normalisation.floats(1)] : [[], []];
    const names = outputs.flatMap((output) => labelFiles(output));
    const labels = names.length > 0 ? readLabels(bytes, names[0], limits) : undefined;
    const threshold = outputs.map((output) => optionsOf(output, 3)?.float(0)).find((value) => value !== undefined);
    const used = [
      ...(labels ? ["the names of the classes"] : []),
      ...(mean.length > 0 ? ["how pixels become numbers"] : []),
      ...(threshold !== undefined ? [`that scores count from ${Number(threshold.toPrecision(4))} on`] : []),
    ];
    return {
      ...(labels && { labels }),
      ...(mean.length > 0 && { mean, std: std.length === mean.length ? std : mean.map(() => 1) }),
      notes: used.length > 0 ? [note("lite-metadata", used.join(", "))] : [],
    };
  } catch (error) {
    if (!(error instanceof SeethroughError)) throw error;
    return { notes: [note("lite-metadata-refused", messageOf(error))] };
  }
}

/** The options of a tensor's process unit of one kind. */
function optionsOf(tensor: Table, kind: number): Table | undefined {
  const unit = tensor.tables(4, "A process unit").find((each) => each.uint8(0) === kind);
  return unit?.table(1, "Options of a process unit");
}

const labelFiles = (tensor: Table): string[] =>
  tensor.tables(6, "An associated file").flatMap((file) => {
    const name = file.string(0);
    return name !== undefined && labelKinds.has(file.int8(2)) ? [name] : [];
  });

/** The lines of a file in the archive behind the model; undefined where there is none. */
function readLabels(bytes: Uint8Array, name: string, limits: Limits): string[] | undefined {
  const found = filesBehind(bytes, name, limits);
  if (!found) return undefined;
  const lines = new TextDecoder().decode(found).split(/\r?\n/);
  while (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.trim());
}

function filesBehind(bytes: Uint8Array, name: string, limits: Limits): Uint8Array | undefined {
  let files: Record<string, Uint8Array>;
  // An archive may list one name as often as it likes, each time with many bytes.
  let isFound = false;
  try {
    files = unzipSync(bytes, {
      filter: ({ name: own, originalSize }) => {
        if (isFound || own !== name) return false;
        isFound = true;
        withinLimit(limits, "textBytes", originalSize, `"${name}" in the TensorFlow Lite file has too many bytes`);
        return true;
      },
    });
  } catch (error) {
    if (error instanceof SeethroughError) throw error;
    return undefined; // there is no archive, or a damaged one
  }
  return Object.hasOwn(files, name) ? files[name] : undefined;
}

/** The same in the words of an ONNX file's metadata, as pixels from 0 to 255. */
export function entriesOf({ labels, mean, std }: Said, { inputs, tensors }: FileModel): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  if (labels) entries.set("labels", JSON.stringify(labels));
  if (mean && std) {
    entries.set("input_scale", "1");
    entries.set("input_mean", JSON.stringify(mean));
    entries.set("input_std", JSON.stringify(std));
    return entries;
  }
  const { type, quantisation } = tensors[inputs[0]] ?? {};
  if (!quantisation || (type !== "uint8" && type !== "int8")) return entries;
  // A pixel is the integer itself, of signed ones less 128.
  const [scale] = quantisation.scale;
  const zero = quantisation.zeroPoint[0] + (type === "int8" ? 128 : 0);
  entries.set("input_scale", String(scale));
  entries.set("input_mean", JSON.stringify([scale * zero]));
  return entries;
}
