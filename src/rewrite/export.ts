import { SeethroughError } from "../errors";
import type { Graph, GraphInput } from "../graph/ir";
import { removeDeadNodes } from "../graph/passes/remove-dead-nodes";
import { specialise } from "../graph/passes/specialise";

/** Which extents of the input whoever loads the file may choose. */
export type OpenAxes = "batch and size" | "size" | "batch" | "none";

/**
 * Leaves open what the network lets one choose: the batch, and the height and width of its input. Arithmetic on sizes was
 * done for one size when the network was loaded; where a node depends on it, the size stays fixed.
 */
export function openInput(graph: Graph, inputShape: readonly number[]): { graph: Graph; open: OpenAxes } {
  const [input] = graph.inputs;
  const live = removeDeadNodes(plain(graph), graph.outputs);
  const names = ["height", "width"].slice(4 - inputShape.length);
  const channels = inputShape[1];
  const withShape = (shape: GraphInput["shape"]): Graph => ({ ...live, inputs: [{ name: input.name, shape }] });
  const fits = (shape: readonly number[]): boolean => {
    try {
      specialise(withShape([]), new Map([[input.name, shape]]));
      return true;
    } catch (error) {
      if (error instanceof SeethroughError) return false;
      throw error;
    }
  };
  const [, , ...sides] = inputShape;
  const size = sides.length > 0 && fits([1, channels, ...sides.map((side) => 2 * side)]);
  const batch = fits([2, channels, ...sides]);
  const opened = withShape([batch ? "batch" : 1, channels, ...(size ? names : sides)]);
  return { graph: opened, open: batch ? (size ? "batch and size" : "batch") : size ? "size" : "none" };
}

/** Without what is true for one input shape alone. */
const plain = ({ name, opset, inputs, outputs, nodes, constants, metadata }: Graph): Graph => {
  return { name, opset, inputs, outputs, nodes, constants, metadata };
};
