import { ModelError } from "../errors";
import { kindOfDataType } from "../graph/element-kind";
import { type Node, numberAttribute } from "../graph/ir";
import { elementTypes } from "./tensor-data";

/** Operators that only move the elements of their first input, so that integers stay what they are. */
const moving: ReadonlySet<string> = /* @__PURE__ */ new Set(
  (
    "Identity Transpose Reshape Flatten Squeeze Unsqueeze Slice Gather Split Expand Tile DepthToSpace SpaceToDepth " +
    "Concat"
  ).split(" "),
);

/**
 * A network that turns the integers of its input into floats before it computes with them is one with a float input: the casts
 * then change nothing, and there is a gradient. Casts on the way from one integer type to another, which lose nothing, are taken out.
 *
 * @param nodes  sorted
 * @throws {ModelError} naming the node that computes with the integers, where one does
 */
export function readAsFloats(
  nodes: readonly Node[],
  input: { readonly name: string; readonly elementType: number },
  outputs: readonly string[],
): Node[] {
  const integers = new Set([input.name]);
  const refuse = (where: string): never => {
    throw new ModelError(
      `Input "${input.name}" holds ${elementTypes.get(input.elementType)?.name}; an input must be a float tensor, or become one by a Cast ` +
        `before anything is computed, and ${where}. Export the network with a float input.`,
    );
  };
  const replaced = nodes.map((node) => {
    if (!node.inputs.some((name) => integers.has(name))) return node;
    const [first] = node.inputs;
    const { op } = node;
    const said = `"${node.name}" (${op})`;
    if (op === "Shape" || op === "Size") return node;
    if (op === "Cast") {
      const to = numberAttribute(node, "to");
      if (kindOfDataType(to) === "float") return node;
      if (!holds(to, input.elementType)) refuse(`${said} casts it to ${elementTypes.get(to)?.name ?? "another type"}`);
      integers.add(node.outputs[0]);
      return { ...node, op: "Identity", attributes: new Map() };
    }
    const moved = op === "Concat" ? node.inputs : [first];
    const others = op === "Concat" ? [] : node.inputs.slice(1);
    if (!moving.has(op) || !moved.every((name) => integers.has(name)) || others.some((name) => integers.has(name))) {
      refuse(`${said} computes with the integers`);
    }
    for (const name of node.outputs) if (name !== "") integers.add(name);
    return node;
  });
  const output = outputs.find((name) => integers.has(name));
  if (output !== undefined) refuse(`the output "${output}" is still one of integers`);
  return replaced;
}

/** Integers of 32 bits and more are none that a picture's pixels would not fit into. */
function holds(to: number, from: number): boolean {
  const [target, source] = [elementTypes.get(to), elementTypes.get(from)];
  if (target?.kind !== "int" || !source) return false;
  if (target.bits >= 32 && source.bits >= 32) return true;
  const isSigned = ({ name }: { readonly name: string }): boolean => !name.startsWith("u");
  if (isSigned(target) === isSigned(source)) return target.bits >= source.bits;
  return isSigned(target) && target.bits > source.bits;
}
