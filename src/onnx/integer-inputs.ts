import { ModelError } from "../errors";
import { kindOfDataType } from "../graph/data-type";
import { Constant, type Node, numberAttribute } from "../graph/ir";
import { computesQuantised, quantisedOperators } from "../operators/quantised-names";
import { elementTypes } from "./tensor-data";

/** Those of them that keep the number of axes. */
const keepingRank: ReadonlySet<string> = /* @__PURE__ */ new Set(
  "Identity Transpose Slice Split Expand Tile DepthToSpace SpaceToDepth Concat".split(" "),
);

const dequantising: ReadonlySet<string> = /* @__PURE__ */ new Set([
  "DequantizeLinear",
  "com.microsoft::DequantizeLinear",
]);

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
 * DequantizeLinear, (x − zero point) · scale, becomes that arithmetic.
 *
 * @param nodes  sorted
 * @param constants  those of the file; what the arithmetic needs is added
 * @throws {ModelError} naming the node that computes with the integers, where one does
 */
export function readAsFloats(
  nodes: readonly Node[],
  input: { readonly name: string; readonly elementType: number; readonly shape: readonly unknown[] },
  outputs: readonly string[],
  constants: Map<string, Constant>,
): Node[] {
  /** The values that hold the integers, with how many axes they have. */
  const integers = new Map<string, number | undefined>([[input.name, input.shape.length]]);
  const refuse = (where: string): never => {
    throw new ModelError(
      `Input "${input.name}" holds ${elementTypes.get(input.elementType)?.name}; an input must be a float tensor, or become one by a Cast ` +
        `or DequantizeLinear before anything is computed, and ${where}. Export the network with a float input.`,
    );
  };
  // A network that computes with integers takes them as they are.
  const isQuantised = nodes.some(({ op }) => computesQuantised(op));
  const replaced = nodes.flatMap((node): Node | Node[] => {
    if (!node.inputs.some((name) => integers.has(name))) return node;
    if (isQuantised && quantisedOperators.has(node.op)) return node;
    const [first] = node.inputs;
    const { op } = node;
    const said = `"${node.name}" (${op})`;
    if (op === "Shape" || op === "Size") return node;
    if (op === "Cast") {
      const to = numberAttribute(node, "to");
      if (kindOfDataType(to) === "float") return node;
      if (!holds(to, input.elementType)) refuse(`${said} casts it to ${elementTypes.get(to)?.name ?? "another type"}`);
      integers.set(node.outputs[0], integers.get(first));
      return { ...node, op: "Identity", attributes: new Map() };
    }
    if (dequantising.has(op) && integers.has(first)) {
      const float = dequantised(node, integers.get(first), constants);
      return typeof float === "string" ? refuse(`${said} ${float}`) : float;
    }
    const moved = op === "Concat" ? node.inputs : [first];
    const others = op === "Concat" ? [] : node.inputs.slice(1);
    if (!moving.has(op) || !moved.every((name) => integers.has(name)) || others.some((name) => integers.has(name))) {
      refuse(`${said} computes with the integers`);
    }
    const rank = keepingRank.has(op) ? integers.get(first) : undefined;
    for (const name of node.outputs) if (name !== "") integers.set(name, rank);
    return node;
  });
  const output = outputs.find((name) => integers.has(name));
  if (output !== undefined) refuse(`the output "${output}" is still one of integers`);
  return replaced;
}

/**
 * (x − zero point) · scale as the operators Sub and Mul.
 *
 * @param rank  axes of x, where they are known
 * @returns the nodes, or why they cannot be given
 */
function dequantised(node: Node, rank: number | undefined, constants: Map<string, Constant>): Node[] | string {
  const [x, scaleName, zeroName = ""] = node.inputs;
  const scale = constants.get(scaleName);
  const zero = zeroName === "" ? undefined : constants.get(zeroName);
  if (scale?.kind !== "float" || (zeroName !== "" && !zero)) return "takes a scale or zero point that is no constant";
  const axis = numberAttribute(node, "axis", 1);
  /** With its numbers along the axis that they belong to. */
  const shapeOf = (numbers: ArrayLike<number>): number[] | undefined => {
    if (numbers.length === 1) return [];
    if (rank === undefined || axis >= rank || axis < -rank) return undefined;
    return [numbers.length, ...new Array<number>(rank - 1 - ((axis + rank) % rank)).fill(1)];
  };
  const factors = scale.floats();
  const zeros = Float32Array.from(zero?.kind === "float" ? zero.floats() : (zero?.numbers() ?? []));
  const [scaleShape, zeroShape] = [shapeOf(factors), shapeOf(zeros.length > 0 ? zeros : [0])];
  if (!scaleShape || !zeroShape || numberAttribute(node, "block_size", 0) > 0)
    return "has one scale for each of several parts of a value whose axes are not known";
  const named = (part: string): string => {
    let name = `${node.outputs[0]}/${part}`;
    while (constants.has(name)) name += "'";
    return name;
  };
  const arithmetic = (op: string, from: string, by: Constant, part: string, to: string, name: string): Node => {
    const constant = named(part);
    constants.set(constant, by);
    return { ...node, name, op, inputs: [from, constant], outputs: [to], attributes: new Map() };
  };
  const [output] = node.outputs;
  const factor = Constant.fromFloats(factors, scaleShape);
  if (zeros.every((value) => value === 0)) return [arithmetic("Mul", x, factor, "scale", output, node.name)];
  const centred = `${output}/centred`;
  return [
    arithmetic("Sub", x, Constant.fromFloats(zeros, zeroShape), "zero_point", centred, centred),
    arithmetic("Mul", centred, factor, "scale", output, node.name),
  ];
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
