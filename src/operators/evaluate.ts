import { Constant, type Node } from "../graph/ir";
import type { InputConstants, InputShapes, Shape } from "../graph/shape-rule";
import { operators } from "./table";

/** The result of a node whose inputs are known; undefined for an operator that is not evaluated here. */
export function evaluate(
  node: Node,
  inputs: InputConstants,
  shapes: InputShapes,
  outputs: readonly Shape[],
): Constant[] | undefined {
  const known = inputs.filter((input): input is Constant => input !== undefined);
  const [out] = outputs;
  const result = operators.get(node.op)?.fold?.({ node, inputs, shapes, outputs, known, out });
  return result instanceof Constant ? [result] : result;
}
