import { ModelError } from "../errors";
import type { Graph, StaticGraph } from "../graph/ir";
import { defaultLimits, type Limits } from "../limits";
import { Folding } from "../operators/evaluate";
import type { Compounds } from "./lowering/emitter";
import { type RefusedLater, type Rewritings, Round } from "./round";
import type { UnrolledLoops } from "./unroll-loops";

/** How often all begins anew with the branches and rounds that turned out: once, but where one that is not taken stood in the way of others. */
const mostRounds = 10;

/** What a graph is specialised with. */
export interface Specialising {
  /** Where something cannot run: what else of the part that is known cannot, so that one error says all. */
  readonly refusedLater?: RefusedLater;
  /** What the file may ask for: no value is computed, and no node built, that is beyond them. */
  readonly limits?: Limits;
  /** What writes nodes as the whole network needs it, where one does. */
  readonly rewriting?: Rewritings | undefined;
  /** Where the graph has one of them. */
  readonly compounds?: Compounds | undefined;
  /** Where the graph has one. */
  readonly loops?: UnrolledLoops | undefined;
}

/**
 * Fixes the shapes of the inputs, infers every other one and does all arithmetic that does not depend on the image.
 *
 * An open batch dimension becomes 1. What remains are float nodes with known shapes; outputs nobody reads lose their
 * name, constants nobody reads are dropped.
 *
 * @param inputShapes  shapes by input name, as the file orders axes; needed where the file leaves a dimension open
 * @throws {LimitError} if a value is, or all constants together
 * @throws {UnsupportedOperatorError} listing every use of an operator that cannot run
 * @throws {ModelError} if a dimension stays open, or a shape depends on the image
 * @throws {ShapeError} if shapes do not fit together
 */
export function specialise(
  graph: Graph,
  inputShapes: ReadonlyMap<string, readonly number[]>,
  { refusedLater = () => [], limits = defaultLimits, rewriting, compounds, loops }: Specialising = {},
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
    const parts = { inputShapes, refusedLater, limits, folding, rewriting, compounds, loops };
    const { chosen, result } = new Round(current, parts).run();
    if (result) return result;
    current = chosen;
  }
  throw new ModelError(`Branches and loops of the file depend on one another more than ${mostRounds} times.`);
}
