/** One walk over the nodes of a file: shapes, constants, what is written by others, and what cannot run. */
import { LimitError, ModelError, SeethroughError, ShapeError, type UnsupportedUse } from "../errors";
import type { Constant, Graph, Node, StaticGraph } from "../graph/ir";
import { keptEntries } from "../graph/kept-entries";
import { valuesRead } from "../graph/producers";
import { label, type Shape } from "../graph/shape-rule";
import { checkedProduct, type Limits, withinLimit } from "../limits";
import type { Folding } from "../operators/evaluate";
import { quantisedOperators } from "../operators/quantised-names";
import { operators } from "../operators/table";
import { showShape, sizeOf } from "../tensor";
import { ControlFlow } from "./control-flow";
import { knownInputs, shapedInputs } from "./input-shapes";
import { type Compounds, Lowered, type Rewriting } from "./lowering/emitter";
import { isPartlyWritten, partlyWritten } from "./lowering/table";
import { type InPlace, isLoop } from "./take-branches";
import type { UnrolledLoops } from "./unroll-loops";
import { isRefused, notEvaluated, survey, unsupported } from "./unsupported-operators";

type Survey = ReturnType<typeof survey>;

const manyWritten = (node: Node): string => `Operators are written by too many others, the last of them ${label(node)}`;

const smaller = "Use a smaller inputShape.";
const fixedInFile =
  "Its shape is written in the file and does not depend on the input's: export the network without it.";

/** What writes the nodes of a graph, whose constants are those that are known so far. */
export type Rewritings = (graph: Graph, constants: ReadonlyMap<string, Constant>) => Rewriting;

/**
 * Uses that cannot be built.
 *
 * @param graph  as far as it is known: values behind what cannot run have no shape
 * @param nodes  those that are left to look at
 */
export type RefusedLater = (graph: StaticGraph, nodes: readonly Node[]) => readonly UnsupportedUse[];

/** What a round is made with. */
export interface RoundParts {
  readonly inputShapes: ReadonlyMap<string, readonly number[]>;
  readonly refusedLater: RefusedLater;
  readonly limits: Limits;
  readonly folding: Folding;
  readonly rewriting: Rewritings | undefined;
  readonly compounds: Compounds | undefined;
  readonly loops: UnrolledLoops | undefined;
}

/** A node, and what is known of what it reads. */
interface NodeInputs {
  readonly node: Node;
  readonly shapes: readonly (Shape | undefined)[];
  readonly constants: readonly (Constant | undefined)[];
}

/** Goes through the nodes of a graph once, in order, with what is known of each value. */
export class Round {
  readonly #graph: Graph;
  readonly #parts: RoundParts;
  readonly #kinds: Survey["kinds"];
  readonly #fixed: Survey["fixed"];
  readonly #refused: UnsupportedUse[];
  readonly #refusedNodes: Set<string>;
  readonly #failures: Failure[] = [];
  readonly #inputs: ReturnType<typeof shapedInputs>;
  readonly #shapes: Map<string, Shape>;
  readonly #constants: Map<string, Constant>;
  readonly #wanted: Set<string>;
  /** Values behind what cannot run: nobody knows their shapes, and what follows from them is not another fault. */
  readonly #lost: Set<string>;
  /** Values that depend on the size of the input. */
  readonly #ofSize = new Set<string>();
  readonly #remaining: Node[] = [];
  /** Last first. */
  readonly #queue: Node[];
  readonly #flow: ControlFlow;
  readonly #own: Rewriting | undefined;
  #written = 0;

  constructor(graph: Graph, parts: RoundParts) {
    const { inputShapes, limits, rewriting, compounds, loops } = parts;
    const { kinds, fixed, uses } = survey(graph, { isQuantised: rewriting !== undefined, compounds, loops });
    this.#graph = graph;
    this.#parts = parts;
    this.#kinds = kinds;
    this.#fixed = fixed;
    this.#refused = [...uses];
    this.#refusedNodes = new Set(uses.map(({ node }) => node));
    this.#inputs = uses.length > 0 ? knownInputs(graph, inputShapes) : shapedInputs(graph, inputShapes);
    this.#shapes = new Map(this.#inputs.map(({ name, shape }) => [name, shape]));
    this.#constants = new Map(graph.constants);
    for (const [name, { shape }] of this.#constants) this.#shapes.set(name, shape);
    for (const [name, shape] of this.#shapes) checkedProduct(shape, limits, `The value "${name}"`);
    this.#wanted = valuesRead(graph.nodes);
    for (const output of graph.outputs) this.#wanted.add(output);
    this.#lost = new Set(graph.inputs.flatMap(({ name }) => (this.#shapes.has(name) ? [] : [name])));
    this.#own = rewriting?.(graph, this.#constants);
    this.#queue = [...graph.nodes].reverse();
    this.#flow = new ControlFlow(graph, limits);
  }

  /** All of it, or the graph with the branches and the rounds of loops that turned out by the way in their places. */
  run(): { readonly chosen: Graph; readonly result?: StaticGraph } {
    for (let node = this.#queue.pop(); node; node = this.#queue.pop()) {
      const inPlace = this.#inPlaceOf(node);
      if (inPlace) this.#put(inPlace);
      else this.#look(node);
    }
    const chosen = this.#flow.result();
    return chosen ? { chosen } : { chosen: this.#graph, result: this.#result() };
  }

  /** What stands in the place of a branch that is taken, or of a loop's rounds. */
  #inPlaceOf(node: Node): InPlace | undefined {
    const taken = this.#flow.take(node, this.#constants);
    const { loops } = this.#parts;
    if (taken || !loops || !isLoop(node) || this.#refusedNodes.has(node.name) || this.#readsLost(node)) return taken;
    const rounds = loops.roundsOf(node, { constants: this.#constants, shapes: this.#shapes });
    if (typeof rounds !== "string") return this.#flow.unroll(node, rounds, loops);
    this.#refused.push({ op: node.op, node: node.name, reason: rounds });
    this.#refusedNodes.add(node.name);
    return undefined;
  }

  #put({ nodes, constants }: InPlace): void {
    this.#know(constants);
    for (const each of [...nodes].reverse()) {
      this.#queue.push(each);
      for (const name of each.inputs) this.#wanted.add(name);
      // The others of the graph were surveyed.
      if (isRefused(each, this.#graph)) this.#refusedNodes.add(each.name);
    }
  }

  #know(constants: Iterable<readonly [string, Constant]>): void {
    for (const [name, value] of constants) {
      this.#constants.set(name, value);
      this.#shapes.set(name, value.shape);
    }
  }

  #isCompound = ({ op }: Pick<Node, "op">): boolean => this.#parts.compounds?.has(op) === true;

  #mayBeWritten = (node: Pick<Node, "op">): boolean => isPartlyWritten(node.op) || this.#isCompound(node);

  #readsLost = ({ inputs }: Node): boolean => inputs.some((input) => this.#lost.has(input));

  /** Nothing is known of what it makes. */
  #lose(node: Node): void {
    for (const output of node.outputs) if (output !== "") this.#lost.add(output);
    this.#remaining.push(node);
  }

  #refuse(node: Node, use: UnsupportedUse): void {
    this.#refused.push(use);
    this.#refusedNodes.add(node.name);
    this.#lose(node);
  }

  #look(node: Node): void {
    const isOfSize = node.inputs.some((input) => this.#ofSize.has(input));
    if (operators.get(node.op)?.measures || isOfSize) for (const name of node.outputs) this.#ofSize.add(name);
    if (this.#refusedNodes.has(node.name) || this.#readsLost(node)) {
      this.#lose(node);
      return;
    }
    const shapes = node.inputs.map((input) => (input === "" ? undefined : shapeOf(this.#shapes, node, input)));
    const read: NodeInputs = { node, shapes, constants: node.inputs.map((input) => this.#constants.get(input)) };
    try {
      const found = this.#shapesOf(read);
      if (this.#isWrittenByOthers(read)) return;
      this.#keep(read, found, isOfSize);
    } catch (error) {
      if (!(error instanceof SeethroughError) || error instanceof LimitError) throw error;
      this.#failures.push({ node, error });
      this.#lose(node);
    }
  }

  /** By its own rule. How it is written by others nobody looks at before that has found what it asks for sound. */
  #shapesOf({ node, shapes, constants }: NodeInputs): readonly Shape[] {
    const isOfOwn = this.#own !== undefined && quantisedOperators.has(node.op);
    const isWritten = this.#isCompound(node) || (isOfOwn && !(operators.has(node.op) && isKnown(node, constants)));
    return isWritten ? [] : this.#parts.folding.shapesOf(node, shapes, constants, this.#graph.opset);
  }

  /** True of a node in whose place others stand, or nothing, and of one that cannot be written. */
  #isWrittenByOthers({ node, shapes, constants }: NodeInputs): boolean {
    const { folding, limits } = this.#parts;
    if (this.#own === undefined && !this.#mayBeWritten(node)) return false;
    const spend = (bytes: number): void => folding.spend(label(node), bytes);
    const isWhole = this.#kinds.get(node.outputs[0]) === "int";
    const isRead = isReadOf(node, this.#wanted);
    const lowered = new Lowered(node, shapes, constants, this.#graph.opset, isRead, isWhole, spend);
    let reason = this.#own?.write(lowered);
    if (reason === undefined && lowered.nodes.length === 0) {
      const lowering = this.#parts.compounds?.get(node.op) ?? partlyWritten(lowered);
      reason = lowering?.(lowered);
      this.#own?.wrote(node, lowered.nodes);
    }
    if (reason !== undefined) {
      this.#refuse(node, { op: node.op, node: node.name, reason });
      return true;
    }
    // Nobody reads what it makes.
    if (lowered.nodes.length === 0) return this.#isCompound(node);
    this.#written += lowered.nodes.length;
    withinLimit(limits, "nodes", this.#graph.nodes.length + this.#written, manyWritten(node));
    this.#know(lowered.constants);
    for (const { inputs } of lowered.nodes) for (const name of inputs) this.#wanted.add(name);
    this.#queue.push(...lowered.nodes.reverse());
    return true;
  }

  /** Keeps its values if they are known, else the node. */
  #keep({ node, shapes, constants }: NodeInputs, found: readonly Shape[], isOfSize: boolean): void {
    const isAllKnown = isKnown(node, constants);
    const advice = isOfSize ? smaller : fixedInFile;
    const folded = isAllKnown ? this.#parts.folding.fold(node, constants, shapes, found, advice) : undefined;
    if (!folded && found.some((shape) => sizeOf(shape) === 0)) {
      throw new ShapeError(
        `${label(node)}: its result ${found.map(showShape).join(", ")} is empty. Use a larger inputShape.`,
      );
    }
    node.outputs.forEach((output, i) => {
      if (output !== "" && found[i]) this.#shapes.set(output, found[i]);
      const constant = folded?.[i];
      if (output !== "" && constant) this.#constants.set(output, constant);
    });
    if (folded) return;
    const isFloat = (output: string): boolean =>
      (this.#kinds.get(output) ?? "float") === "float" || isPositions(node, output);
    if (isAllKnown && !node.outputs.every((output) => !this.#wanted.has(output) || isFloat(output))) {
      this.#refuse(node, notEvaluated(node));
      return;
    }
    const isUnread = (output: string, i: number): boolean => i > 0 && output !== "" && !this.#wanted.has(output);
    const outputs = node.outputs.some(isUnread)
      ? node.outputs.map((output, i) => (isUnread(output, i) ? "" : output))
      : node.outputs;
    this.#remaining.push(outputs === node.outputs ? node : { ...node, outputs });
  }

  #result(): StaticGraph {
    const result: StaticGraph = {
      ...this.#graph,
      ...{ inputs: this.#inputs, nodes: this.#remaining, constants: this.#constants, shapes: this.#shapes },
      aliases: new Map(),
    };
    if (this.#refused.length + this.#failures.length === 0) return pruned(result);
    for (const { node } of this.#failures) this.#refusedNodes.add(node.name);
    // What would be a constant if the shapes were known is no operator of the network.
    const isSettled = ({ name, op, inputs, outputs }: Node): boolean =>
      !this.#refusedNodes.has(name) &&
      !outputs.every((output) => this.#fixed.has(output)) &&
      // How it would be written nobody has looked at.
      !(this.#mayBeWritten({ op }) && inputs.some((input) => this.#lost.has(input))) &&
      !inputs.some((input) => this.#lost.has(input) && this.#fixed.has(input));
    const later = this.#parts.refusedLater(result, this.#remaining.filter(isSettled));
    throw refusal(this.#graph, this.#refused, this.#failures, later);
  }
}

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

/** The second output of MaxPool holds integers, for MaxUnpool. */
const isPositions = (node: Node, output: string): boolean => node.op === "MaxPool" && node.outputs[1] === output;

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
  const known = valuesRead(graph.nodes);
  for (const output of graph.outputs) known.add(output);
  const constants = keptEntries(graph.constants, (name) => known.has(name));
  for (const { name } of graph.inputs) known.add(name);
  for (const { outputs } of graph.nodes) for (const output of outputs) known.add(output);
  return { ...graph, constants, shapes: keptEntries(graph.shapes, (name) => known.has(name)) };
}
