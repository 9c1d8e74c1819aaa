import type { StaticGraph } from "../graph/ir";

/**
 * How a network scales its own input, where its first operators say so: a division by 100 or more, a mean of 2 or more. Pixels of
 * 0..255 seem to be expected then. Undefined where nothing of the kind is seen.
 */
export function ownScaling(graph: StaticGraph): string | undefined {
  let value = graph.inputs[0]?.name;
  for (let steps = 0; steps < 6; steps++) {
    const readers = graph.nodes.filter(({ inputs }) => inputs.includes(value));
    const [node] = readers;
    if (readers.length !== 1) return undefined;
    const constant = node.inputs.map((name) => graph.constants.get(name)).find((found) => found !== undefined);
    const numbers = constant && constant.size <= 4 && constant.size > 0 ? Array.from(constant.floats(), Math.abs) : [];
    const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
    const of = (sign: string): string =>
      `"${node.name}" (${sign} ${Array.from(constant?.floats() ?? [])
        .map((n) => Number(n.toPrecision(4)))
        .join(", ")})`;
    if (numbers.length > 0) {
      if (node.op === "Mul" && most > 0 && most <= 0.02) return of("×");
      if (node.op === "Div" && node.inputs[0] === value && least >= 40) return of("÷");
      if (node.op === "Sub" && node.inputs[0] === value && most > 2) return of("−");
      if (node.op === "Add" && most > 2) return of("+");
    }
    if (!["Cast", "Identity", "Transpose", "Mul", "Div", "Sub", "Add", "Gather", "Slice", "Reshape"].includes(node.op))
      return undefined;
    [value] = node.outputs;
  }
  return undefined;
}
