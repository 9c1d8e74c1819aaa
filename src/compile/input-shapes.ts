/** The shapes of a network's inputs, as far as the file and the caller say them. */
import { ModelError, SeethroughError, ShapeError } from "../errors";
import type { Graph, GraphInput } from "../graph/ir";
import type { Shape } from "../graph/shape-rule";

/**
 * The shape an input gets: what is given, else what the file says, its batch 1 where that is open.
 *
 * @param ask  how to say the shape, for advice; default: as the option inputShape
 */
export function fixedShape(
  input: GraphInput,
  given: readonly number[] | undefined,
  ask: (shape: string) => string = (shape) => `Pass inputShape, for example ${shape}.`,
): Shape {
  const written = `[${input.shape.map((extent) => extent ?? "?").join(", ")}]`;
  if (given) {
    if (!given.every((extent) => Number.isSafeInteger(extent) && extent >= 1)) {
      throw new ShapeError(
        `Input "${input.name}": inputShape [${given.join(", ")}] must be whole numbers of at least 1.`,
      );
    }
    // A file without any shape accepts every shape; the batch dimension may always be chosen.
    const fits =
      input.shape.length === 0 ||
      (given.length === input.shape.length &&
        given.every(
          (extent, axis) => axis === 0 || typeof input.shape[axis] !== "number" || input.shape[axis] === extent,
        ));
    if (!fits) {
      throw new ShapeError(
        `Input "${input.name}": the file fixes the shape ${written}, inputShape is [${given.join(", ")}]. ` +
          "Only the batch size and dimensions the file leaves open can be chosen.",
      );
    }
    return [...given];
  }
  if (input.shape.length === 0) {
    throw new ModelError(`Input "${input.name}": the file does not say its shape. ${ask("[1, 3, 224, 224]")}`);
  }
  const shape = input.shape.map((extent, axis) => (axis === 0 && typeof extent !== "number" ? 1 : extent));
  const open = shape.flatMap((extent, axis) => (typeof extent === "number" ? [] : [axis]));
  if (open.length > 0) {
    // Channels are few: where the last axis is fixed to a few elements, the others are those of the image.
    const last = shape[shape.length - 1];
    const channelsLast = typeof last === "number" && last <= 4;
    const example = shape.map((extent, axis) =>
      typeof extent === "number" ? extent : axis === 1 && !channelsLast ? 3 : 224,
    );
    throw new ModelError(
      `Input "${input.name}": the file leaves ${open.length === 1 ? "axis" : "axes"} ${open.join(" and ")} of ${written} open. ` +
        ask(`[${example.join(", ")}]`),
    );
  }
  return shape.map(Number);
}

/** How the shape of an input is said: of the first, which most networks have alone, without its name. */
const askShape = ({ name }: GraphInput, position: number) =>
  position === 0 ? undefined : (shape: string) => `Pass inputs: { "${name}": { inputShape: ${shape} } }.`;

/** All of them. @throws {ModelError} if one stays open */
export const shapedInputs = (graph: Graph, given: ReadonlyMap<string, readonly number[]>) =>
  graph.inputs.map((input, i) => ({
    ...input,
    shape: fixedShape(input, given.get(input.name), askShape(input, i)),
  }));

/** Those inputs whose shapes are known, of a network that cannot run: nothing is asked for it. */
export const knownInputs: typeof shapedInputs = (graph, given) =>
  graph.inputs.flatMap((input) => {
    try {
      return [{ ...input, shape: fixedShape(input, given.get(input.name)) }];
    } catch (error) {
      if (error instanceof SeethroughError) return [];
      throw error;
    }
  });
