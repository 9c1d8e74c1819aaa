/** Which of the factors of a product carries the signal, and which only weigh it. */
import type { Network } from "../../engine/network";
import type { Operation, ValueName } from "../../operation/operation";
import type { Nature } from "../../operators/operator";
import { operators } from "../../operators/table";
import type { SizeOf } from "./along-path";

const scalings: ReadonlySet<Nature | undefined> = new Set<Nature>(["product", "quotient"]);
const shifts: ReadonlySet<Nature | undefined> = new Set<Nature>(["sum", "difference"]);
const gates: ReadonlySet<Nature | undefined> = new Set<Nature>(["gate", "clamp"]);
const reductions: ReadonlySet<Nature | undefined> = new Set<Nature>(["mean", "total", "aggregate"]);
const elementwise: ReadonlySet<Nature | undefined> = new Set<Nature>([
  ...["rectifier", "smooth", "gate", "clamp", "extremum", "identity", "rounding"],
  ...["sum", "difference", "product", "quotient"],
] as Nature[]);

/** Values whose making is looked at, at most: a function of one value is written in some ten nodes. */
const mostLooks = 64;

export interface Factors {
  /** The input that gets everything; undefined: both are signals. */
  signalOf(operation: Operation): ValueName | undefined;
  /** True of a shift by one number behind a smooth function: still a function of what went into that. */
  isOneFunction(operation: Operation): boolean;
}

export function factorsOf(network: Network, sizeOf: SizeOf): Factors {
  const producer = (name: ValueName): Operation | undefined => network.operations[network.producer.get(name) ?? -1];
  const natureOf = (operation: Operation | undefined): Nature | undefined =>
    operators.get(operation?.node.op ?? "")?.nature;

  /** What it adds is one number. */
  const isNumberAdded = ({ node, inputs }: Operation): boolean =>
    inputs.length === 1 && node.inputs.some((name) => network.graph.constants.get(name)?.size === 1);

  /** The operation that makes a value, but for constant factors, shifts by one number and what only moves elements behind it. */
  const source = (name: ValueName): Operation | undefined => {
    const operation = producer(name);
    if (operation?.inputs.length !== 1) return operation;
    const nature = natureOf(operation);
    const through =
      scalings.has(nature) ||
      nature === "moves" ||
      nature === "identity" ||
      nature === "rounding" ||
      (shifts.has(nature) && isNumberAdded(operation));
    return through ? source(operation.inputs[0]) : operation;
  };

  /** True where each element of a value is computed from the one in its place of `root`, and constants. */
  const isFunctionOf = (name: ValueName, root: ValueName): boolean => {
    const size = sizeOf(root);
    const seen = new Set<ValueName>();
    const look = (value: ValueName): boolean => {
      if (value === root || seen.has(value)) return true;
      seen.add(value);
      const operation = producer(value);
      return (
        operation !== undefined &&
        seen.size <= mostLooks &&
        sizeOf(value) === size &&
        operators.get(operation.node.op)?.reach === "same" &&
        elementwise.has(natureOf(operation)) &&
        operation.inputs.every(look)
      );
    };
    return name !== root && look(name);
  };

  /** What a value is a constant multiple of. */
  const unscaled = (name: ValueName): ValueName => {
    const operation = producer(name);
    const scaled = operation?.inputs.length === 1 && operation.linear && scalings.has(natureOf(operation));
    return scaled ? unscaled(operation.inputs[0]) : name;
  };

  /** True of a curved function of a sum or mean: one over a deviation. */
  const isStatistic = (name: ValueName): boolean => {
    let curved = false;
    for (let at = producer(name); at !== undefined; at = producer(at.inputs[0])) {
      const nature = natureOf(at);
      if (reductions.has(nature)) return curved;
      if (at.inputs.length !== 1 || !(nature === "moves" || elementwise.has(nature))) return false;
      curved ||= nature === "smooth" || nature === "quotient";
    }
    return false;
  };

  return {
    signalOf: ({ node, inputs }) => {
      const [a, b] = inputs;
      // What is divided by only scales what is divided.
      if (natureOf({ node } as Operation) === "quotient") return node.inputs[0];
      const gate = inputs.find((name) => gates.has(natureOf(source(name))));
      if (gate !== undefined) return gate === a ? b : a;
      if (isFunctionOf(b, unscaled(a)) || isStatistic(b)) return a;
      return isFunctionOf(a, unscaled(b)) || isStatistic(a) ? b : undefined;
    },
    isOneFunction: (operation) => {
      const before = source(operation.inputs[0]);
      return isNumberAdded(operation) && before !== undefined && natureOf(before) === "smooth";
    },
  };
}
