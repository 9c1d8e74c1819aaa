import type { Node, StaticGraph } from "../graph/ir";
import { producersOf } from "../graph/producers";

export type ValueName = string;

/** A graph as passes look at it that know an operator by the pieces in which files write it. */
export class GraphPieces {
  readonly #graph: StaticGraph;
  readonly #producers: ReadonlyMap<ValueName, Node>;
  readonly #readers = new Map<ValueName, Node[]>();

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

  producer(name: ValueName): Node | undefined {
    return this.#producers.get(name);
  }

  readersOf(name: ValueName): readonly Node[] {
    return this.#readers.get(name) ?? [];
  }

  /** The node that reads a value, where no other does and it is no output. */
  onlyReader(name: ValueName): Node | undefined {
    const readers = this.readersOf(name);
    return readers.length === 1 && !this.#graph.outputs.includes(name) ? readers[0] : undefined;
  }

  /** True where nobody reads these values but what computes them, and the last piece. */
  areReadInside(values: readonly ValueName[], last: Node): boolean {
    const own = new Set<Node>([last, ...values.flatMap((name) => this.producer(name) ?? [])]);
    return values.every((name) => this.readersOf(name).every((reader) => own.has(reader)));
  }

  /** The number that a constant is everywhere. */
  numberOf(name: ValueName | undefined): number | undefined {
    const constant = name === undefined ? undefined : this.#graph.constants.get(name);
    return constant?.kind === "float" && constant.size === 1 ? constant.floats()[0] : undefined;
  }

  /** True of a constant that is this number everywhere, as far as float32 tells. */
  isNumber(name: ValueName, number: number): boolean {
    const value = this.numberOf(name);
    return value !== undefined && Math.abs(value - number) <= 2e-6 * Math.abs(number);
  }

  haveSameShape(a: ValueName, b: ValueName): boolean {
    return this.#graph.shapes.get(a)?.join() === this.#graph.shapes.get(b)?.join();
  }
}

/** The two inputs of a node, each first once. */
export const bothWays = ({ inputs: [a, b] }: Node): readonly (readonly [ValueName, ValueName])[] => [
  [a, b],
  [b, a],
];
