import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Constant, type Graph } from "../../src/graph/ir";
import { algorithm } from "../../src/ops/algorithm";
import { type Case, dot, graphOf, Runner, reference, values, worst } from "./harness";

/** Sums of up to 864 products of uniform random numbers through Winograd's transforms; measured up to 2.2e-5. */
const tolerance = 4e-5;

const int = (min: number, max: number) => fc.integer({ min, max });
const floats = (shape: readonly number[], seed: number): Constant => Constant.fromFloats(values(shape, seed), shape);

/** Shapes on both sides of every line of the table in algorithm.ts. */
const cases = fc
  .record({
    op: fc.constantFrom("Conv", "ConvTranspose"),
    channels: fc.constantFrom(3, 12, 64, 96),
    outChannels: fc.constantFrom(3, 20, 64, 100),
    size: fc.tuple(int(3, 24), int(3, 24)),
    pads: fc.tuple(int(0, 2), int(0, 2), int(0, 2), int(0, 2)),
    seed: int(0, 1e6),
  })
  .filter(({ op, size, pads }) => op === "Conv" || (size[0] + 2 > pads[0] + pads[2] && size[1] + 2 > pads[1] + pads[3]))
  .map(({ op, channels, outChannels, size, pads, seed }): Case => {
    const weight = op === "Conv" ? [outChannels, channels, 3, 3] : [channels, outChannels, 3, 3];
    return {
      op,
      shape: [1, channels, ...size],
      attributes: { kernel_shape: [3, 3], pads },
      constants: [floats(weight, seed), floats([outChannels], seed + 1)],
    };
  });

/** The same network with a Relu or Clip behind it, which the engine does on the way. */
function rectified(graph: Graph, op: "Relu" | "Clip"): Graph {
  const bounds = op === "Clip" ? (["lo", "hi"] as const) : [];
  const scalars: [string, Constant][] = bounds.map((name, i) => [
    name,
    Constant.fromFloats(Float32Array.of(i * 6), []),
  ]);
  return {
    ...graph,
    outputs: ["z"],
    nodes: [
      ...graph.nodes,
      { name: "rectifier", op, inputs: ["y0", ...bounds], outputs: ["z"], attributes: new Map() },
    ],
    constants: new Map([...graph.constants, ...scalars]),
  };
}

describe("3×3 convolutions with stride 1", () => {
  it("agree with onnxruntime, alone and with a rectifier behind them, and give the same bits in a batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.constantFrom("Relu" as const, "Clip" as const),
        int(0, 1e6),
        async (given, op, seed) => {
          const x = values(given.shape, seed);
          for (const graph of [graphOf(given), rectified(graphOf(given), op)]) {
            const runner = new Runner(graph);
            const y = runner.forward(x);
            const expected = (await reference(graph, x)).get(graph.outputs[0])?.data as Float32Array;
            expect(worst(y, expected)).toBeLessThan(tolerance);
            const batch = Float32Array.from([...values(given.shape, seed + 1), ...x]);
            expect(runner.forward(batch, graph.outputs[0], 2).slice(y.length)).toEqual(y);
          }
        },
      ),
      { numRuns: 30, seed: 1 },
    );
  });

  it("send back their adjoint", () => {
    fc.assert(
      fc.property(cases, int(0, 1e6), (given, seed) => {
        // Without its bias the map is linear.
        const runner = new Runner(graphOf({ ...given, constants: given.constants?.slice(0, 1) }));
        const x = values(given.shape, seed);
        const y = runner.forward(x);
        const dy = values(runner.shapeOf("y0"), seed + 1);
        const dx = runner.backward(x, dy);
        const size = Math.sqrt(dot(y, y) * dot(dy, dy));
        expect(Math.abs(dot(y, dy) - dot(x, dx)) / size).toBeLessThan(1e-5);
      }),
      { numRuns: 30, seed: 1 },
    );
  });
});

describe("the table of algorithms", () => {
  const map = (size: number, channels = 64, outChannels = 64) => ({
    ...{ inH: size, inW: size, inChannels: channels, outH: size, outW: size, outChannels, groups: 1 },
    ...{ kernelH: 3, kernelW: 3, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 1, padLeft: 1 },
  });

  it("takes Winograd where it pays", () => {
    expect(algorithm(map(56), "apply")).toBe("winograd");
    expect(algorithm(map(7, 512, 512), "adjoint")).toBe("winograd");
    expect(algorithm(map(8), "apply")).toBe("direct");
    expect(algorithm(map(4, 512, 512), "apply")).toBe("direct");
    expect(algorithm(map(3), "adjoint")).toBe("direct");
    expect(algorithm(map(224, 3), "apply")).toBe("direct");
    expect(algorithm(map(224, 3), "adjoint")).toBe("columns");
    expect(algorithm({ ...map(56), outH: 28, outW: 28, strideH: 2, strideW: 2 }, "apply")).toBe("direct");
  });

  it("keeps to direct sums on request", () => {
    expect(algorithm(map(56), "apply", "plain")).toBe("direct");
    expect(algorithm(map(56), "adjoint", "plain")).toBe("direct");
  });
});
