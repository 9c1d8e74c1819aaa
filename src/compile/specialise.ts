import { ModelError } from "../errors";
import type { Graph, StaticGraph } from "../graph/ir";
import { defaultLimits, type Limits } from "../limits";
import { Folding } from "../operators/evaluate";
import { type RefusedLater, type Rewritings, Round } from "./round";

/** How often all begins anew with the branches and rounds that turned out: once, but where one that is not taken stood in the way of others. */
const mostRounds = 10;

/**
 * Fixes the shapes of the inputs, infers every other one and does all arithmetic that does not depend on the image.
 *
 * An open batch dimension becomes 1. What remains are float nodes with known shapes; outputs nobody reads lose their
 * name, constants nobody reads are dropped.
 *
 * @param inputShapes  shapes by input name, as the file orders axes; needed where the file leaves a dimension open
 * @param refusedLater  where something cannot run: what else of the part that is known cannot, so that one error says all
 * @param limits  what the file may ask for: no value is computed, and no node built, that is beyond them
 * @param rewriting  what writes nodes as the whole network needs it, where one does
 * @throws {LimitError} if a value is, or all constants together
 * @throws {UnsupportedOperatorError} listing every use of an operator that cannot run
 * @throws {ModelError} if a dimension stays open, or a shape depends on the image
 * @throws {ShapeError} if shapes do not fit together
 */
export function specialise(
  graph: Graph,
  inputShapes: ReadonlyMap<string, readonly number[]>,
  refusedLater: RefusedLater = () => [],
  limits: Limits = defaultLimits,
  rewriting?: Rewritings,
): StaticGraph {
  for (const name of inputShapes.keys()) {
    if (!graph.inputs.some((input) => input.name === name)) {
      const names = graph.inputs.map((input) => `"${input.name}"`).join(", ") || "none";
      throw new ModelError(
        `A shape is given for "${name}", which is not an input of the network; its inputs are ${names}.`,
      );
    }
  }
  const elements = [...graph.constants.values()].reduce((sum, { size }) => sum + size, 0);
  const folding = new Folding(limits, elements);
  let current = graph;
  for (let round = 0; round <= mostRounds; round++) {
    folding.beginAnew();
    const { chosen, result } = new Round(current, { inputShapes, refusedLater, limits, folding, rewriting }).run();
    if (result) return result;
    current = chosen;
  }
  throw new ModelError(`Branches and loops of the file depend on one another more than ${mostRounds} times.`);
}
