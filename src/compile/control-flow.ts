/**
 * Branches that are taken, and rounds of loops: what is known of conditions and counts turns out while a graph is walked, and what
 * takes the place of a node is walked next. Each of them is looked at once, however deep they stand in one another.
 */
import { cut } from "../addresses";
import { ModelError } from "../errors";
import type { Constant, Graph, Node } from "../graph/ir";
import { type Limits, withinLimit } from "../limits";
import { removeDeadNodes } from "./remove-dead-nodes";
import { type InPlace, takenBranch } from "./take-branches";
import type { Rounds, UnrolledLoops } from "./unroll-loops";

/** Nodes of graphs inside of others that are copied with them, for each node that a network may have: they are looked at later, or never. */
const copiesPerNode = 8;

/** The nodes of one graph that others stand in the place of, so far. */
export class ControlFlow {
  readonly #graph: Graph;
  readonly #limits: Limits;
  readonly #places = new Map<Node, readonly Node[]>();
  readonly #constants: Map<string, Constant>;
  #computed: Set<string> | undefined;
  #nodes: number;
  #copied = 0;
  #characters = 0;

  constructor(graph: Graph, limits: Limits) {
    this.#graph = graph;
    this.#limits = limits;
    this.#nodes = graph.nodes.length;
    this.#constants = new Map(graph.constants);
  }

  /**
   * The branch of an If whose condition is known.
   *
   * @throws {LimitError} if the network had too many nodes by it
   */
  take(node: Node, known: ReadonlyMap<string, Constant>): InPlace | undefined {
    const taken = takenBranch(node, known);
    if (!taken) return undefined;
    withinLimit(this.#limits, "nodes", this.#nodes + taken.nodes.length, "The network has too many nodes");
    return this.#put(node, taken);
  }

  /**
   * The rounds of a loop.
   *
   * @throws {LimitError} if these are too many nodes
   */
  unroll(node: Node, rounds: Rounds, { costOf, writtenRounds }: UnrolledLoops): InPlace {
    const { nodes, inside, characters } = costOf(rounds);
    const whose = `The rounds of "${cut(node.name)}"`;
    withinLimit(this.#limits, "nodes", this.#nodes + nodes, `${whose} are too many nodes`);
    this.#copied += inside / copiesPerNode;
    withinLimit(this.#limits, "nodes", Math.ceil(this.#copied), `${whose} have loops and choices of too many nodes`);
    this.#characters += characters;
    withinLimit(this.#limits, "textBytes", this.#characters, `${whose} have names that are too long together`);
    return this.#put(node, writtenRounds(node, rounds));
  }

  /** @throws {ModelError} if a file calls two values of its loops alike: one would be taken for the other */
  #put(node: Node, place: InPlace): InPlace {
    this.#computed ??= new Set(this.#graph.nodes.flatMap(({ outputs }) => outputs));
    for (const output of node.outputs) this.#computed.delete(output);
    for (const { outputs } of place.nodes) {
      for (const output of outputs) {
        if (output !== "" && this.#computed.has(output)) {
          throw new ModelError(`"${cut(output)}" is computed twice: two loops of the file have the same name.`);
        }
        this.#computed.add(output);
      }
    }
    this.#nodes += place.nodes.length - 1;
    this.#places.set(node, place.nodes);
    for (const [name, value] of place.constants) this.#constants.set(name, value);
    return place;
  }

  /** The graph with all of them in their places, without what nobody reads any more; undefined where there are none. */
  result(): Graph | undefined {
    if (this.#places.size === 0) return undefined;
    const nodes: Node[] = [];
    const waiting = [...this.#graph.nodes].reverse();
    for (let node = waiting.pop(); node; node = waiting.pop()) {
      const place = this.#places.get(node);
      if (!place) nodes.push(node);
      else for (const each of [...place].reverse()) waiting.push(each);
    }
    const whole = { ...this.#graph, nodes, constants: this.#constants };
    return { ...removeDeadNodes(whole, whole.outputs), inputs: whole.inputs };
  }
}
