import { ModelError } from "../errors";
import { Constant, type Node } from "../graph/ir";
import { checkResult, type InputConstants, type InputShapes, label, type Shape } from "../graph/shape-rule";
import { checkedProduct, type Limits, withinLimit } from "../limits";
import { showShape, sizeOf } from "../tensor";
import type { FoldCall } from "./operator";
import { operators } from "./table";

/** The result of a node whose inputs are known; undefined for an operator that is not evaluated here. */
export function evaluate(
  node: Node,
  inputs: InputConstants,
  shapes: InputShapes,
  outputs: readonly Shape[],
): Constant[] | undefined {
  const call = callOf(node, inputs, shapes, outputs);
  const result = operators.get(node.op)?.fold?.(call);
  return result instanceof Constant ? [result] : result;
}

function callOf(node: Node, inputs: InputConstants, shapes: InputShapes, outputs: readonly Shape[]): FoldCall {
  const known = inputs.filter((input): input is Constant => input !== undefined);
  return { node, inputs, shapes, outputs, known, out: outputs[0] };
}

/** No constant may grow beyond this while folding; weights of the file are larger, but they are not made here. */
const mostBytes = 64 * 2 ** 20;

/** Elements that all arithmetic may read and write: for each byte that it may make, for each element that the file holds, and however few those are. */
const stepsPerByte = 1 / 32;
const stepsPerElement = 16;
const freeSteps = 2 ** 25;

/** Bytes that a constant takes: numbers are kept as float64. */
const bytesOf = ({ kind, size }: Constant): number => size * (kind === "float" ? 4 : 8);

/** The arithmetic on one file's constants, within what the file may ask for. */
export class Folding {
  readonly #limits: Limits;
  #steps: number;
  #bytes = 0;

  /** @param elements  in the constants of the file */
  constructor(limits: Limits, elements: number) {
    this.#limits = limits;
    this.#steps = -freeSteps - stepsPerElement * elements;
  }

  /** All that was made is thrown away. */
  beginAnew(): void {
    this.#bytes = 0;
  }

  /**
   * Room for constants that somebody makes.
   *
   * @param who  for what, as an error says it
   * @throws {LimitError} if all together take too many bytes
   */
  spend(who: string, bytes: number): void {
    this.#bytes += bytes;
    const what = `The arithmetic on constants, at ${who}, makes too many bytes of constants`;
    withinLimit(this.#limits, "foldedBytes", this.#bytes, what);
  }

  /**
   * The shapes of a node's outputs.
   *
   * @throws {ShapeError} if one is no shape; {LimitError} if one is larger than the file may ask for
   */
  shapesOf(node: Node, inputs: InputShapes, constants: InputConstants, opset: number): readonly Shape[] {
    const rule = operators.get(node.op)?.shape;
    if (!rule) throw new ModelError(`${label(node)}: the operator is not known.`);
    const found = rule(node, inputs, constants, opset);
    for (const shape of found) {
      checkResult(node, shape);
      checkedProduct(shape, this.#limits, `The result of ${label(node)}`);
    }
    return found;
  }

  /**
   * The result of a node whose inputs are known; undefined for an operator that is not evaluated here.
   *
   * @param advice  what to do where it makes too large a constant
   * @throws {ModelError} if it does; {LimitError} if all constants together take too many bytes, or too long
   */
  fold(
    node: Node,
    inputs: InputConstants,
    shapes: InputShapes,
    outputs: readonly Shape[],
    advice: string,
  ): Constant[] | undefined {
    const grown = outputs.reduce((sum, shape) => sum + sizeOf(shape), 0);
    const before = inputs.reduce((sum, constant) => sum + (constant?.size ?? 0), 0);
    const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
    if (grown > before && grown * 4 > mostBytes) {
      throw new ModelError(
        `${label(node)}: it makes a constant of shape ${outputs.map(showShape).join(", ")} (${megabytes(grown * 4)} MB); ` +
          `${megabytes(mostBytes)} MB are allowed. ${advice}`,
      );
    }
    const call = callOf(node, inputs, shapes, outputs);
    this.#steps += operators.get(node.op)?.foldSteps?.(call) ?? grown + before;
    const what = `The arithmetic on constants, at ${label(node)}, takes too many steps for what it may make`;
    withinLimit(this.#limits, "foldedBytes", this.#steps / stepsPerByte, what);
    this.spend(label(node), grown * 4);
    const results = evaluate(node, inputs, shapes, outputs);
    for (const result of results ?? []) this.spend(label(node), bytesOf(result) - result.size * 4);
    return results;
  }
}
