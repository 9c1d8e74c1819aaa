/** What holds of every operator: its values, gradients, reach and batches, each against an answer from elsewhere. */
import { expect } from "vitest";
import type { Graph, Node } from "../../src/graph/ir";
import { unravel } from "../../src/graph/regions";
import { dependsOn } from "../../src/operators/reach";
import { type AxisRegion, union } from "../../src/operators/region";
import { operators } from "../../src/operators/table";
import { dot, graphOf, Runner, reference, values, worst } from "./harness";
import type { Sample } from "./sample";

const tolerance = 3e-5;

/** The operator between the input and the outputs; where it takes what another makes, that one stands before it. */
export function networkOf(sample: Sample): Graph {
  const graph = graphOf(sample);
  const { before = [], inputs = graph.nodes[0].inputs } = sample;
  const nodes = before.map(({ attributes = {}, ...step }, i) => ({
    ...step,
    name: `before ${i}`,
    attributes: new Map(Object.entries(attributes)),
  }));
  return { ...graph, nodes: [...nodes, { ...graph.nodes[0], inputs }] };
}

export const dataOf = ({ shape, domain }: Sample, seed: number): Float32Array =>
  values(shape, seed).map((value) =>
    domain === "positive" ? Math.abs(value) + 0.3 : domain === "between" ? (Math.floor(value * 8) + 0.5) / 8 : value,
  );

export async function agrees(sample: Sample): Promise<void> {
  const graph = networkOf(sample);
  const runner = new Runner(graph);
  const x = dataOf(sample, 7);
  const outside = sample.expected ? undefined : await reference(graph, x);
  const direction = values(sample.shape, 31);
  const step = 1e-3;
  const moved = [1, -1].map((sign) => x.map((value, i) => value + sign * step * direction[i]));
  for (const name of graph.outputs) {
    const y = runner.forward(x, name);
    const answer = outside?.get(name);
    if (answer) expect(runner.shapeOf(name)).toEqual([...answer.dims]);
    const expected = answer?.data ?? (sample.expected as NonNullable<Sample["expected"]>)(x);
    expect(worst(y, expected), "values").toBeLessThan(tolerance);

    const dy = values(runner.shapeOf(name), 29);
    const dx = runner.backward(x, dy, undefined, name);
    // In float64 from here on: the engine's values rise and fall along a random direction as the gradient says.
    const [above, below] = moved.map((one) => runner.forward(one, name));
    const own = sample.slope?.(x);
    const slope = above.reduce(
      (sum, value, i) => sum + (own ? own[i] * direction[i] : (value - below[i]) / (2 * step)) * dy[i],
      0,
    );
    const scale = Math.sqrt(dot(dx, dx) * dot(direction, direction)) + Math.sqrt(dot(y, y)) * 1e-2 + 1e-3;
    expect(Math.abs(slope - dot(dx, direction)) / scale, "gradient").toBeLessThan(5e-3);

    const batch = Float32Array.from([...x, ...x.map((value) => value * 0.5), ...dataOf(sample, 8)]);
    const together = runner.forward(batch, name, 3);
    for (const i of [0, 1, 2]) {
      const single = runner.forward(batch.slice(i * x.length, (i + 1) * x.length), name);
      expect(together.slice(i * y.length, (i + 1) * y.length), `sample ${i} of a batch`).toEqual(single);
    }
  }
}

/** The elements of the input that an output's elements are said to be computed from, through what stands before the operator. */
function readOfInput(
  graph: Graph,
  node: Node,
  output: number,
  out: AxisRegion,
  runner: Runner,
): AxisRegion | undefined {
  const reads = dependsOn(operators.get(node.op), {
    node,
    opset: graph.opset,
    out,
    output,
    shapes: node.inputs.map((input) => (input ? runner.shapeOf(input) : [])),
    constants: node.inputs.map((input) => graph.constants.get(input)),
  });
  return node.inputs.reduce<AxisRegion | undefined>((known, input, i) => {
    const read = reads?.[i];
    const before = graph.nodes.find(({ outputs }) => outputs.includes(input));
    const own = read && before ? readOfInput(graph, before, before.outputs.indexOf(input), read, runner) : read;
    return own && (input === "x" || before) ? union(known, own) : known;
  }, undefined);
}

const made = (graph: Graph, name: string): Node =>
  graph.nodes.find(({ outputs }) => outputs.includes(name)) ?? expect.fail(`nothing makes ${name}`);

/** Moves single elements of the input: whatever of the output moves with one must have been said to be computed from it. */
export function staysWithinReach(sample: Sample): number {
  const graph = networkOf(sample);
  const runner = new Runner(graph);
  // As the engine has it: an operator may be written by others.
  const { graph: running } = runner.network;
  const x = dataOf(sample, 7);
  let seen = 0;
  for (const name of graph.outputs) {
    const shape = runner.shapeOf(name);
    const before = runner.forward(x, name);
    for (let pick = 0; pick < 4; pick++) {
      const element = (pick * 7919 + 3) % x.length;
      // Up and down: a maximum may notice one of them alone.
      for (const by of [2.5, 0.31, sample.domain ? 0.1 : -2.5]) {
        const changed = x.slice();
        changed[element] += by;
        const after = runner.forward(changed, name);
        const place = unravel(element, sample.shape);
        for (let i = 0; i < after.length; i++) {
          if (Object.is(after[i], before[i])) continue;
          seen++;
          const at = unravel(i, shape);
          const asked = shape.map((extent, axis) => new Uint8Array(extent).fill(1, at[axis], at[axis] + 1));
          const region = readOfInput(
            running,
            made(running, name),
            made(running, name).outputs.indexOf(name),
            asked,
            runner,
          );
          expect(
            region?.every((mask, axis) => mask[place[axis]] === 1),
            `output ${at} moves with input ${place}`,
          ).toBe(true);
        }
      }
    }
  }
  return seen;
}
