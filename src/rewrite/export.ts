import { removeDeadNodes } from "../compile/remove-dead-nodes";
import { specialise } from "../compile/specialise";
import { SeethroughError } from "../errors";
import type { Graph, GraphInput, StaticGraph } from "../graph/ir";

/** Which extents of the input whoever loads the file may choose. */
export type OpenAxes = "batch and size" | "size" | "batch" | "none";

/**
 * Leaves open what the network lets one choose: the batch, and the height and width of its input. Arithmetic on sizes was
 * done for one size when the network was loaded; where a node depends on it, the size stays fixed.
 *
 * @returns also the network for an input so many times as large, if there can be one
 */
export function openInput(
  graph: Graph,
  inputShape: readonly number[],
): { graph: Graph; open: OpenAxes; enlarged: (factor: number) => StaticGraph | undefined } {
  const [input] = graph.inputs;
  const live = removeDeadNodes(plain(graph), graph.outputs);
  const names = ["height", "width"].slice(4 - inputShape.length);
  const channels = inputShape[1];
  const withShape = (shape: GraphInput["shape"]): Graph => ({ ...live, inputs: [{ name: input.name, shape }] });
  const fitted = (shape: readonly number[]): StaticGraph | undefined => {
    try {
      return specialise(withShape([]), new Map([[input.name, shape]]));
    } catch (error) {
      if (error instanceof SeethroughError) return undefined;
      throw error;
    }
  };
  const [, , ...sides] = inputShape;
  const enlarged = (factor: number): StaticGraph | undefined =>
    sides.length > 0 ? fitted([1, channels, ...sides.map((side) => factor * side)]) : undefined;
  const [size, batch] = [enlarged(2) !== undefined, fitted([2, channels, ...sides]) !== undefined];
  const opened = withShape([batch ? "batch" : 1, channels, ...(size ? names : sides)]);
  const open = batch ? (size ? "batch and size" : "batch") : size ? "size" : "none";
  return { graph: opened, open, enlarged };
}

/** Without what is true for one input shape alone. */
const plain = ({ name, opset, inputs, outputs, nodes, constants, metadata }: Graph): Graph => {
  return { name, opset, inputs, outputs, nodes, constants, metadata };
};
