import { LimitError, ModelError, SeethroughError, ShapeError, type UnsupportedUse } from "../errors";
import type { Constant, Graph, GraphInput, Node, StaticGraph } from "../graph/ir";
import { label, type Shape } from "../graph/shape-rule";
import { checkedProduct, defaultLimits, type Limits, withinLimit } from "../limits";
import { Folding } from "../operators/evaluate";
import { quantisedOperators } from "../operators/quantised-names";
import { operators } from "../operators/table";
import { showShape, sizeOf } from "../tensor";
import { ControlFlow } from "./control-flow";
import { Lowered, type Rewriting } from "./lowering/emitter";
import { isLowered, loweringOf, mayBeWritten } from "./lowering/table";
import type { InPlace } from "./take-branches";
import { isLoop, roundsOf } from "./unroll-loops";
import { isRefused, notEvaluated, survey, unsupported } from "./unsupported-operators";

const manyWritten = (node: Node): string => `Operators are written by too many others, the last of them ${label(node)}`;

/** What writes the nodes of a graph, whose constants are those that are known so far. */
type Rewritings = (graph: Graph, constants: ReadonlyMap<string, Constant>) => Rewriting;

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
    const { chosen, result } = inOneRound(current, inputShapes, refusedLater, limits, folding, rewriting);
    if (result) return result;
    current = chosen;
  }
  throw new ModelError(`Branches and loops of the file depend on one another more than ${mostRounds} times.`);
}

/** All of it, or the graph with the branches and the rounds of loops that turned out by the way in their places. */
function inOneRound(
  graph: Graph,
  inputShapes: ReadonlyMap<string, readonly number[]>,
  refusedLater: RefusedLater,
  limits: Limits,
  folding: Folding,
  rewriting: Rewritings | undefined,
): { readonly chosen: Graph; readonly result?: StaticGraph } {
  const { kinds, fixed, uses } = survey(graph, rewriting !== undefined);
  const refused = [...uses];
  const refusedNodes = new Set(uses.map(({ node }) => node));
  const failures: Failure[] = [];
  const inputs = refused.length > 0 ? knownInputs(graph, inputShapes) : fixedInputs(graph, inputShapes);
  const shapes = new Map<string, Shape>(inputs.map(({ name, shape }) => [name, shape]));
  const constants = new Map(graph.constants);
  for (const [name, { shape }] of constants) shapes.set(name, shape);
  for (const [name, shape] of shapes) checkedProduct(shape, limits, `The value "${name}"`);

  const wanted = new Set([...graph.outputs, ...graph.nodes.flatMap((node) => node.inputs)]);
  // Values behind what cannot run: nobody knows their shapes, and what follows from them is not another fault.
  const lost = new Set(graph.inputs.flatMap(({ name }) => (shapes.has(name) ? [] : [name])));
  const ofSize = new Set<string>();
  const remaining: Node[] = [];
  const lose = (node: Node): void => {
    for (const output of node.outputs) if (output !== "") lost.add(output);
    remaining.push(node);
  };
  let written = 0;
  const own = rewriting?.(graph, constants);
  const queue = [...graph.nodes].reverse();
  const flow = new ControlFlow(graph, limits);
  const put = ({ nodes, constants: made }: InPlace): void => {
    for (const [name, value] of made) {
      constants.set(name, value);
      shapes.set(name, value.shape);
    }
    for (const each of [...nodes].reverse()) {
      queue.push(each);
      for (const name of each.inputs) wanted.add(name);
      // The others of the graph were surveyed.
      if (isRefused(each, graph)) refusedNodes.add(each.name);
    }
  };
  for (let node = queue.pop(); node; node = queue.pop()) {
    const taken = flow.take(node, constants);
    if (taken) {
      put(taken);
      continue;
    }
    if (isLoop(node) && !refusedNodes.has(node.name) && !node.inputs.some((input) => lost.has(input))) {
      const rounds = roundsOf(node, { constants, shapes });
      if (typeof rounds !== "string") {
        put(flow.unroll(node, rounds));
        continue;
      }
      refused.push({ op: node.op, node: node.name, reason: rounds });
      refusedNodes.add(node.name);
    }
    const measures = operators.get(node.op)?.measures;
    if (measures || node.inputs.some((input) => ofSize.has(input))) for (const name of node.outputs) ofSize.add(name);
    if (refusedNodes.has(node.name) || node.inputs.some((input) => lost.has(input))) {
      lose(node);
      continue;
    }
    const given = node.inputs.map((input) => (input === "" ? undefined : shapeOf(shapes, node, input)));
    const known = node.inputs.map((input) => constants.get(input));
    let found: readonly Shape[] = [];
    let folded: readonly Constant[] | undefined;
    let isAllKnown = false;
    try {
      // How it is written by others nobody looks at before its own rule has found what it asks for sound.
      const isOfOwn = own !== undefined && quantisedOperators.has(node.op);
      const isWritten = isLowered(node.op) || (isOfOwn && !(operators.has(node.op) && isKnown(node, known)));
      if (!isWritten) found = folding.shapesOf(node, given, known, graph.opset);
      const spend = (bytes: number): void => folding.spend(label(node), bytes);
      const isWhole = kinds.get(node.outputs[0]) === "int";
      const lowered = new Lowered(node, given, known, graph.opset, isReadOf(node, wanted), isWhole, spend);
      let reason = own?.write(lowered);
      if (reason === undefined && lowered.nodes.length === 0) {
        reason = loweringOf(lowered)?.(lowered);
        own?.wrote(node, lowered.nodes);
      }
      if (reason !== undefined) {
        refused.push({ op: node.op, node: node.name, reason });
        refusedNodes.add(node.name);
        lose(node);
        continue;
      }
      if (lowered.nodes.length > 0) {
        written += lowered.nodes.length;
        withinLimit(limits, "nodes", graph.nodes.length + written, manyWritten(node));
        for (const [name, value] of lowered.constants) {
          constants.set(name, value);
          shapes.set(name, value.shape);
        }
        for (const { inputs: read } of lowered.nodes) for (const name of read) wanted.add(name);
        queue.push(...lowered.nodes.reverse());
        continue;
      }
      // Nobody reads what it makes.
      if (isLowered(node.op)) continue;
      isAllKnown = isKnown(node, known);
      const isOfSize = node.inputs.some((input) => ofSize.has(input));
      folded = isAllKnown ? folding.fold(node, known, given, found, isOfSize ? smaller : fixedInFile) : undefined;
      if (!folded && found.some((shape) => sizeOf(shape) === 0)) {
        throw new ShapeError(
          `${label(node)}: its result ${found.map(showShape).join(", ")} is empty. Use a larger inputShape.`,
        );
      }
    } catch (error) {
      if (!(error instanceof SeethroughError) || error instanceof LimitError) throw error;
      failures.push({ node, error });
      lose(node);
      continue;
    }
    node.outputs.forEach((output, i) => {
      if (output !== "" && found[i]) shapes.set(output, found[i]);
      const constant = folded?.[i];
      if (output !== "" && constant) constants.set(output, constant);
    });
    if (folded) continue;
    const isFloat = (output: string): boolean =>
      (kinds.get(output) ?? "float") === "float" || isPositions(node, output);
    if (isAllKnown && !node.outputs.every((output) => !wanted.has(output) || isFloat(output))) {
      refused.push(notEvaluated(node));
      refusedNodes.add(node.name);
      lose(node);
      continue;
    }
    remaining.push({
      ...node,
      outputs: node.outputs.map((output, i) => (i === 0 || wanted.has(output) ? output : "")),
    });
  }
  const chosen = flow.result();
  if (chosen) return { chosen };
  const result: StaticGraph = { ...graph, inputs, nodes: remaining, constants, shapes, aliases: new Map() };
  if (refused.length + failures.length > 0) {
    for (const { node } of failures) refusedNodes.add(node.name);
    // What would be a constant if the shapes were known is no operator of the network.
    const isSettled = ({ name, op, inputs: read, outputs }: Node): boolean =>
      !refusedNodes.has(name) &&
      !outputs.every((output) => fixed.has(output)) &&
      // How it would be written nobody has looked at.
      !(mayBeWritten(op) && read.some((input) => lost.has(input))) &&
      !read.some((input) => lost.has(input) && fixed.has(input));
    throw refusal(graph, refused, failures, refusedLater(result, remaining.filter(isSettled)));
  }
  return { chosen: graph, result: pruned(result) };
}

const smaller = "Use a smaller inputShape.";
const fixedInFile =
  "Its shape is written in the file and does not depend on the input's: export the network without it.";

/**
 * Uses that cannot be built.
 *
 * @param graph  as far as it is known: values behind what cannot run have no shape
 * @param nodes  those that are left to look at
 */
export type RefusedLater = (graph: StaticGraph, nodes: readonly Node[]) => readonly UnsupportedUse[];

/** A node whose shape or value cannot be inferred, and why. */
interface Failure {
  readonly node: Node;
  readonly error: SeethroughError;
}

/** The one error that says all. */
function refusal(
  graph: Graph,
  refused: readonly UnsupportedUse[],
  failures: readonly Failure[],
  later: readonly UnsupportedUse[],
): SeethroughError {
  const [first] = failures;
  const isAlone = refused.length + later.length === 0;
  // Where shapes alone do not fit together, the first mistake explains the others.
  if (first && isAlone && (failures.length === 1 || failures.every(({ error }) => error instanceof ShapeError))) {
    return first.error;
  }
  const uses = failures.map(({ node, error }) => ({
    op: node.op,
    node: node.name,
    reason: error.message.replace(`${label(node)}: `, "").replace(/\.$/, ""),
  }));
  return unsupported([...refused, ...uses, ...later], graph);
}

const isReadOf =
  ({ outputs }: Node, wanted: ReadonlySet<string>) =>
  (output: number): boolean =>
    (outputs[output] ?? "") !== "" && wanted.has(outputs[output]);

/** How the shape of an input is said: of the first, which most networks have alone, without its name. */
const askShape = ({ name }: GraphInput, position: number) =>
  position === 0 ? undefined : (shape: string) => `Pass inputs: { "${name}": { inputShape: ${shape} } }.`;

const fixedInputs = (graph: Graph, given: ReadonlyMap<string, readonly number[]>) =>
  graph.inputs.map((input, i) => ({
    ...input,
    shape: fixedShape(input, given.get(input.name), askShape(input, i)),
  }));

/** Those inputs whose shapes are known, of a network that cannot run: nothing is asked for it. */
const knownInputs: typeof fixedInputs = (graph, given) =>
  graph.inputs.flatMap((input) => {
    try {
      return [{ ...input, shape: fixedShape(input, given.get(input.name)) }];
    } catch (error) {
      if (error instanceof SeethroughError) return [];
      throw error;
    }
  });

/** The second output of MaxPool holds integers, for MaxUnpool. */
const isPositions = (node: Node, output: string): boolean => node.op === "MaxPool" && node.outputs[1] === output;

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

function shapeOf(shapes: ReadonlyMap<string, Shape>, node: Node, input: string): Shape {
  const shape = shapes.get(input);
  if (!shape) {
    throw new ModelError(
      `${label(node)}: it reads "${input}", an output that its operator does not have in inference.`,
    );
  }
  return shape;
}

/** True where everything is known that the result depends on. */
function isKnown(node: Node, known: readonly (Constant | undefined)[]): boolean {
  if (operators.get(node.op)?.measures) return true;
  return known.length > 0 && node.inputs.every((input, i) => input === "" || known[i] !== undefined);
}

/** Drops constants, and their shapes, that no node reads and no output names. */
function pruned(graph: StaticGraph): StaticGraph {
  const read = new Set([...graph.outputs, ...graph.nodes.flatMap((node) => node.inputs)]);
  const produced = new Set([...graph.inputs.map(({ name }) => name), ...graph.nodes.flatMap((node) => node.outputs)]);
  return {
    ...graph,
    constants: new Map([...graph.constants].filter(([name]) => read.has(name))),
    shapes: new Map([...graph.shapes].filter(([name]) => read.has(name) || produced.has(name))),
  };
}
