import { ModelError } from "../errors";
import type { Constant, Graph } from "../graph/ir";
import { defaultLimits, type Limits } from "../limits";
import { asWritten, fileOrderOf } from "./axes";
import { GraphBuilder, type Value } from "./graph-builder";
import * as graphModel from "./graph-model";
import type { KnownInputShape } from "./input-shapes";
import { isObject, type JsonObject, parseObject } from "./json";
import * as layersModel from "./layers-model";
import { decodeGroup, readManifest, stringList } from "./weights";

/** The bytes of model.json and, where they come from a place, how to read other files of that place by their relative path. */
export interface ModelJson {
  readonly bytes: Uint8Array;
  readonly sibling?: ReadFile;
}

type ReadFile = (path: string) => Promise<Uint8Array>;

/** A network, and the bytes it was made of: model.json, then the weight files in the order in which it names them. */
interface TensorflowModel {
  readonly graph: Graph;
  readonly pieces: readonly Uint8Array[];
  /** The axes of a value of the graph in the order in which the file writes them. */
  readonly fileOrder: (value: string, rank: number) => readonly number[];
}

/**
 * Reads a TensorFlow.js model: a layers-model (Keras) or a graph-model, with its weight files, and the class names and the
 * input's range from metadata.json where that lies beside it (Teachable Machine).
 *
 * The graph says it in ONNX operators with all shapes known. Its values keep TensorFlow's order in memory and name their
 * axes in ONNX's: channels first; the input keeps the file's order of axes. Weights that need no other order stay views of
 * the files.
 *
 * @param inputShapes  fix extents of an input that the file leaves open, as the file orders axes
 * @param limits  what model.json may ask for
 * @throws {ModelError} if the files are no complete model
 */
export async function readTensorflowJs(
  { bytes, sibling }: ModelJson,
  inputShapes: KnownInputShape,
  limits: Limits = defaultLimits,
): Promise<TensorflowModel> {
  const model = parseObject(bytes, "The model", limits);
  const kind = kindOf(model);
  const groups = readManifest(model);
  const readFile = sibling ?? noFiles(groups.flatMap(({ paths }) => paths));
  const [files, metadata] = await Promise.all([
    Promise.all(groups.map(({ paths }) => Promise.all(paths.map(readFile)))),
    readMetadata(readFile, limits),
  ]);
  const weights = new Map<string, Constant>(groups.flatMap((group, i) => [...decodeGroup(group, files[i])]));
  const size = files.flat().reduce((sum, file) => sum + file.byteLength, bytes.byteLength);
  const builderFor = (channelsFirst: boolean) => new GraphBuilder(channelsFirst, "model.json", size, limits);
  const { name, builder, outputs } = kind === "layers-model" ? fromLayers() : fromGraph();
  const results = outputs.map((value) => asWritten(builder, value));
  const { graph, moved } = builder.finish(metadata.name ?? name, results, metadata.entries);
  return { graph, pieces: [bytes, ...files.flat()], fileOrder: fileOrderOf(moved) };

  function fromLayers(): { name: string; builder: GraphBuilder; outputs: Value[] } {
    const topology = topologyOf(model);
    const builder = builderFor(layersModel.layersTakeChannelsFirst(topology));
    const network = new layersModel.LayersModel(topology, builder, weights, inputShapes);
    return { name: network.name, builder, outputs: network.build() };
  }

  function fromGraph(): { name: string; builder: GraphBuilder; outputs: Value[] } {
    const builder = builderFor(graphModel.graphTakesChannelsFirst(topologyOf(model)));
    return { name: "", builder, outputs: new graphModel.GraphModel(model, builder, weights, inputShapes).build() };
  }
}

/** Bytes alone do not say where the other files are. */
const noFiles =
  (paths: readonly string[]): ReadFile =>
  async () => {
    const files = paths.map((path) => `"${path}": …`).join(", ");
    throw new ModelError(
      "These bytes are a TensorFlow.js model.json without its weights. Pass its path or URL, beside which they lie, or all " +
        `files by name: loadModel({ "model.json": …, ${files} }).`,
    );
  };

const topologyOf = ({ modelTopology }: JsonObject): JsonObject => {
  const topology = isObject(modelTopology) ? modelTopology : {};
  return isObject(topology.model_config) ? topology.model_config : topology;
};

/** What the file is; the first versions did not say. */
function kindOf(model: JsonObject): "layers-model" | "graph-model" {
  if (Array.isArray(model.weightsManifest) && !isObject(model.modelTopology)) {
    throw new ModelError(
      "The model is a TensorFlow.js weights manifest without a topology: it names weights and no network. Pass the model.json " +
        'that has a "modelTopology" too.',
    );
  }
  const topology = topologyOf(model);
  if (model.format === "graph-model" || Array.isArray(topology.node)) return "graph-model";
  if (model.format === "layers-model" || typeof topology.class_name === "string") return "layers-model";
  const described = describeJson(model);
  if (described !== undefined) throw new ModelError(described);
  const keys = Object.keys(model).slice(0, 6);
  throw new ModelError(
    `The model is JSON with the keys ${keys.map((key) => `"${key}"`).join(", ") || "of nothing"}. A TensorFlow.js model.json ` +
      'has a "modelTopology" and a "weightsManifest"; pass that file.',
  );
}

/** What JSON is that is often taken for a model. */
function describeJson(model: JsonObject): string | undefined {
  if (isObject(model.weight_map)) {
    return "The model is the index of a safetensors checkpoint, which holds weights alone. Export the network with torch.onnx.export.";
  }
  if (typeof model.class_name === "string" && model.config !== undefined) {
    return "The model is the architecture of a Keras model without its weights. Convert the whole model: tensorflowjs_converter --input_format=keras.";
  }
  if (model.id2label !== undefined || model.architectures !== undefined || model.image_mean !== undefined) {
    return (
      "The model is a Hugging Face configuration, which describes a network and holds none. Pass the .onnx file beside it; " +
      "the configuration is read by itself, or is the option config."
    );
  }
  return undefined;
}

interface Metadata {
  readonly name?: string;
  readonly entries: ReadonlyMap<string, string>;
}

/** What metadata.json says, in the words of an ONNX file's metadata. There need not be such a file. */
async function readMetadata(readFile: ReadFile, limits: Limits): Promise<Metadata> {
  const entries = new Map<string, string>();
  let json: JsonObject;
  try {
    json = parseObject(await readFile("metadata.json"), "metadata.json", limits);
  } catch (error) {
    if (error instanceof ModelError) return { entries };
    throw error;
  }
  const labels = stringList(json.labels);
  if (labels) entries.set("labels", JSON.stringify(labels));
  if (json.packageName === "@teachablemachine/image") {
    // Its own library feeds pixel / 127 − 1.
    entries.set("input_scale", String(1 / 127));
    entries.set("input_mean", "[1]");
  }
  const { modelName } = json;
  return { ...(typeof modelName === "string" && modelName && { name: modelName }), entries };
}
