/** A file, of whichever format, as a graph. */
import { messageOf, throwIfAborted } from "../checks";
import { ModelError } from "../errors";
import type { Graph } from "../graph/ir";
import type { Limits } from "../limits";
import type { Note } from "../notes";
import { externalDataWayOut, MissingFilesError, weightsLieIn } from "../onnx/external-data";
import { readOnnx } from "../onnx/reader";
import type { LoadOptions } from "./load-options";
import type { SourceFile } from "./source-file";

/** A network as its files have it, what to call it, and the bytes it was made of. */
export interface FileGraph {
  readonly graph: Graph;
  readonly name: string;
  readonly pieces: readonly Uint8Array[];
  /** True where the input has the shape and the order of axes that it is to have. */
  readonly inputIsFinal: boolean;
  /** The axes of a value in the order in which the file writes them. */
  readonly fileOrder: (value: string, rank: number) => readonly number[];
  /** What was found while it was read. */
  readonly notes?: readonly Note[];
}

const asWritten = (_: string, rank: number): number[] => Array.from({ length: rank }, (__, axis) => axis);

/** The sign of TensorFlow Lite's files, behind their first offset. */
const isTensorflowLite = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(4, 8)) === "TFL3";

export async function readGraph(
  source: SourceFile,
  { inputs, inputShape, quantized, signal }: LoadOptions,
  limits: Limits,
): Promise<FileGraph> {
  const { bytes, name } = source;
  const shapes = (name: string, position: number): readonly number[] | undefined =>
    (inputs && Object.hasOwn(inputs, name) ? inputs[name].inputShape : undefined) ??
    (position === 0 ? inputShape : undefined);
  // Whoever loads ONNX files only never loads what reads others.
  if (isTensorflowLite(bytes)) {
    const { readTensorflowLite } = await import("../tflite/lite-reader");
    const { graph, ...found } = readTensorflowLite(bytes, shapes, limits, quantized);
    return { graph, name: name ?? graph.name, pieces: [bytes], inputIsFinal: true, ...found };
  }
  if (!beginsLikeJson(bytes)) {
    const { graph, pieces } = await readOnnxFiles(source, limits, signal);
    return { graph, name: name ?? graph.name, pieces, inputIsFinal: false, fileOrder: asWritten };
  }
  const { readTensorflowJs } = await import("../tfjs/reader");
  const { graph, pieces, fileOrder } = await readTensorflowJs(source, shapes, limits);
  return { graph, name: graph.name || (name ?? ""), pieces, inputIsFinal: true, fileOrder };
}

/** An ONNX file, and the files beside it that it keeps weights in, in the order in which it names them. */
async function readOnnxFiles(
  { bytes, sibling }: SourceFile,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<{ readonly graph: Graph; readonly pieces: readonly Uint8Array[] }> {
  try {
    return { graph: readOnnx(bytes, undefined, undefined, limits), pieces: [bytes] };
  } catch (error) {
    if (!(error instanceof MissingFilesError)) throw await named(bytes, error);
    if (!sibling) throw error;
    const { files } = error;
    const read = async (file: string): Promise<Uint8Array> => {
      try {
        return await sibling(file);
      } catch (reason) {
        throwIfAborted(signal);
        throw new ModelError(`${weightsLieIn(files)}. ${messageOf(reason)} ${externalDataWayOut(files)}`);
      }
    };
    const pieces = await Promise.all(files.map(read));
    const beside = new Map(files.map((file, i) => [file, pieces[i]] as const));
    return { graph: readOnnx(bytes, undefined, beside, limits), pieces: [bytes, ...pieces] };
  }
}

/** Why bytes are no ONNX file: a file of another kind is called by its name. Loaded for a file that could not be read. */
async function named(bytes: Uint8Array, error: unknown): Promise<unknown> {
  const { describeForeignFile } = await import("../onnx/foreign-files");
  const foreign = describeForeignFile(bytes);
  return foreign ? new ModelError(foreign) : error;
}

/** An ONNX file does not begin with a brace: as a field's number it would be none of the format. */
export const beginsLikeJson = (bytes: Uint8Array): boolean =>
  /^(\xef\xbb\xbf)?\s*\{(?!\0)/.test(String.fromCharCode(...bytes.subarray(0, 64)));
