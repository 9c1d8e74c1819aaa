import type { Constant } from "../../src/graph/ir";
import { type LoadOptions, loadModel, type Model } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf } from "../graph/build";

type Nodes = Parameters<typeof graphOf>[0]["nodes"];

/** A small network of one input, "image"; without nodes it hands its input on where that is positive. */
export const modelOf = (
  shape: readonly number[],
  {
    nodes = [["Relu", ["image"], ["relu"]]],
    constants,
    ...options
  }: LoadOptions & { readonly nodes?: Nodes; readonly constants?: Record<string, Constant> } = {},
): Promise<Model> => loadModel(writeOnnx(graphOf({ inputs: { image: shape }, nodes, constants })), options);
