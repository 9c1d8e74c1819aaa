import type { Node, StaticGraph } from "../graph/ir";
import { producersOf } from "../graph/producers";

/** A graph as passes look at it that know an operator by the pieces in which files write it. */
export class GraphPieces {
  readonly #graph: StaticGraph;
  readonly #producers: ReadonlyMap<string, Node>;
  readonly #readers = new Map<string, Node[]>();

  constructor(graph: StaticGraph) {
    this.#graph = graph;
    this.#producers = producersOf(graph);
    for (const node of graph.nodes) {
      for (const name of new Set(node.inputs)) {
        const others = this.#readers.get(name);
        if (others) others.push(node);
        else this.#readers.set(name, [node]);
      }
    }
  }

  producer(name: string): Node | undefined {
    return this.#producers.get(name);
  }

  readersOf(name: string): readonly Node[] {
    return this.#readers.get(name) ?? [];
  }

  /** The node that reads a value, where no other does and it is no output. */
  onlyReader(name: string): Node | undefined {
    const readers = this.readersOf(name);
    return readers.length === 1 && !this.#graph.outputs.includes(name) ? readers[0] : undefined;
  }

  /** True where nobody reads these values but what computes them, and the last piece. */
  areReadInside(values: readonly string[], last: Node): boolean {
    const own = new Set<Node>([last, ...values.flatMap((name) => this.producer(name) ?? [])]);
    return values.every((name) => this.readersOf(name).every((reader) => own.has(reader)));
  }

  /** The number that a constant is everywhere. */
  numberOf(name: string | undefined): number | undefined {
    const constant = name === undefined ? undefined : this.#graph.constants.get(name);
    return constant?.kind === "float" && constant.size === 1 ? constant.floats()[0] : undefined;
  }

  /** True of a constant that is this number everywhere, as far as float32 tells. */
  isNumber(name: string, number: number): boolean {
    const value = this.numberOf(name);
    return value !== undefined && Math.abs(value - number) <= 2e-6 * Math.abs(number);
  }

  haveSameShape(a: string, b: string): boolean {
    return this.#graph.shapes.get(a)?.join() === this.#graph.shapes.get(b)?.join();
  }
}

/** The two inputs of a node, each first once. */
export const bothWays = ({ inputs: [a, b] }: Node): readonly (readonly [string, string])[] => [
  [a, b],
  [b, a],
];
