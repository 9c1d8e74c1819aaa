import { ModelError, ShapeError } from "../errors";
import { showShape } from "../tensor";
import { type Constant, type Node, numbersAttribute } from "./ir";

export type Shape = readonly number[];

/** What is known of a node's inputs, in their order; undefined stands for an absent or an unknown one. */
export type InputShapes = readonly (Shape | undefined)[];
export type InputConstants = readonly (Constant | undefined)[];

/** The shapes of a node's outputs. A rule that knows fewer outputs than the node has means the others are not supported. */
export type ShapeRule = (node: Node, inputs: InputShapes, constants: InputConstants, opset: number) => Shape[];

/** How messages begin: `Conv "conv1"`. */
export const label = (node: Node): string => `${node.op} "${node.name}"`;

export function shapeError(node: Node, message: string): never {
  throw new ShapeError(`${label(node)}: ${message}`);
}

/** The shape of an input that must be there. */
export function inputShape(node: Node, inputs: InputShapes, index = 0): Shape {
  const shape = inputs[index];
  if (!shape)
    throw new ModelError(`${label(node)}: input ${index} is missing. The file is damaged or was cut by hand.`);
  return shape;
}

/** True where the node names a value for this input. */
export const hasInput = (node: Node, index: number): boolean => (node.inputs[index] ?? "") !== "";

/** The numbers of an input that decides a shape; undefined where the input is absent. */
export function constantInput(
  node: Node,
  constants: InputConstants,
  index: number,
  what: string,
): readonly number[] | undefined {
  if (!hasInput(node, index)) return undefined;
  const constant = constants[index];
  if (!constant) {
    throw new ModelError(
      `${label(node)}: its ${what} ("${node.inputs[index]}") depend on the image, not only on its size. ` +
        "Only networks whose shapes are known before they run are supported; export this one with fixed shapes.",
    );
  }
  return constant.numbers();
}

/** The numbers of an input that must be there. */
export function neededInput(node: Node, constants: InputConstants, index: number, what: string): readonly number[] {
  const numbers = constantInput(node, constants, index, what);
  if (!numbers) throw new ModelError(`${label(node)}: its ${what} are missing. The file is damaged.`);
  return numbers;
}

/** An argument that older operator sets keep in an attribute and newer ones in an input. */
export function argument(
  node: Node,
  constants: InputConstants,
  key: string,
  index: number,
): readonly number[] | undefined {
  return node.attributes.has(key) ? numbersAttribute(node, key) : constantInput(node, constants, index, key);
}

/** A possibly negative axis as an index into a shape of this rank. */
export function axisOf(node: Node, axis: number, rank: number): number {
  const index = axis < 0 ? axis + rank : axis;
  if (!(Number.isInteger(index) && index >= 0 && index < rank)) {
    shapeError(node, `axis ${axis} does not exist in a value of rank ${rank}.`);
  }
  return index;
}

/** Distinct axes, each resolved by {@link axisOf}, in the order given. */
export function axesOf(node: Node, axes: readonly number[], rank: number): number[] {
  const resolved = axes.map((axis) => axisOf(node, axis, rank));
  if (new Set(resolved).size !== resolved.length) shapeError(node, `axes [${axes.join(", ")}] name an axis twice.`);
  return resolved;
}

/**
 * Extents, or repetitions.
 *
 * @param what  what they are, before the numbers
 */
export function checkExtents(node: Node, extents: readonly number[], what = ""): void {
  if (!extents.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    shapeError(node, `${what}[${extents.join(", ")}] must be whole numbers of at least 0.`);
  }
}

/** @throws {ShapeError} if what a node would give is no shape */
export function checkResult(node: Node, shape: Shape): void {
  if (!shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    shapeError(
      node,
      `its result would be ${showShape(shape)}, which is no shape: extents are whole numbers of at least 0.`,
    );
  }
}

export function checkRank(node: Node, shape: Shape, rank: number, what = "input"): void {
  if (shape.length !== rank) {
    shapeError(node, `the ${what} must have rank ${rank}, it is ${showShape(shape)}.`);
  }
}

/** An array of the given length filled with one number. */
export const filled = (length: number, value: number): number[] => new Array<number>(length).fill(value);

/** The output has the shape of the first input. */
export const sameShape: ShapeRule = (node, inputs) => [inputShape(node, inputs)];

/** The same of an operator that reads several inputs. @throws {ModelError} if one of them is missing */
export const sameShapeOf =
  (needed: number): ShapeRule =>
  (node, inputs) => {
    for (let i = 0; i < needed; i++) inputShape(node, inputs, i);
    return sameShape(node, inputs, [], 0);
  };

/**
 * The common shape of several values by the rule of ONNX and NumPy: axes align at the right, an extent of 1 repeats.
 *
 * @throws {ShapeError} naming the node and all shapes if two extents differ and none is 1
 */
export function broadcastShapes(node: Node, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    let extent = 1;
    for (const shape of shapes) {
      const own = shape[axis - rank + shape.length] ?? 1;
      if (own === 1 || own === extent) continue;
      if (extent !== 1) {
        shapeError(
          node,
          `the shapes ${shapes.map(showShape).join(" and ")} do not fit together: at axis ${axis} there are ${extent} and ${own} elements. ` +
            "Only extents of 1 repeat.",
        );
      }
      extent = own;
    }
    return extent;
  });
}
