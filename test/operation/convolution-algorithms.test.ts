import { describe, expect, it } from "vitest";
import { Constant, type Graph } from "../../src/graph/ir";
import { algorithm } from "../../src/operation/correlation/algorithm";
import { convolutionCases } from "../operators/convolution-cases";
import { dot, graphOf, Runner, reference, values, worst } from "../operators/harness";
import fc from "../seeded";

/** Sums of up to 2,400 products of uniform random numbers through Winograd's transforms; measured up to 2.2e-5. */
const tolerance = 4e-5;

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

describe("convolutions of every kind in the table", () => {
  it("agree with onnxruntime, alone and with a rectifier behind them, and give the same bits in a batch", async () => {
    await fc.assert(
      fc.asyncProperty(
        convolutionCases,
        fc.constantFrom("Relu" as const, "Clip" as const),
        fc.integer({ min: 0, max: 1e6 }),
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
      { numRuns: 60, seed: 1 },
    );
  });

  it("send back their adjoint", () => {
    fc.assert(
      fc.property(convolutionCases, fc.integer({ min: 0, max: 1e6 }), (given, seed) => {
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
    expect(algorithm({ ...map(27, 64, 192), kernelH: 5, kernelW: 5, padTop: 2, padLeft: 2 }, "apply")).toBe("winograd");
    expect(algorithm({ ...map(28), kernelH: 5, kernelW: 3 }, "apply")).toBe("direct");
  });

  it("folds first layers where it pays", () => {
    const first = (kernel: number, stride: number) => ({
      ...{ ...map(224, 3), outH: Math.floor((224 - 1) / stride) + 1, outW: Math.floor((224 - 1) / stride) + 1 },
      ...{
        kernelH: kernel,
        kernelW: kernel,
        strideH: stride,
        strideW: stride,
        padTop: kernel >> 1,
        padLeft: kernel >> 1,
      },
    });
    for (const direction of ["apply", "adjoint"] as const) {
      expect(algorithm(first(7, 2), direction)).toBe("folded");
      expect(algorithm(first(11, 4), direction)).toBe("folded");
    }
    expect(algorithm(first(3, 2), "apply")).toBe("direct");
    expect(algorithm(first(16, 16), "apply")).toBe("direct");
    expect(algorithm(first(7, 2), "apply", "plain")).toBe("direct");
    expect(algorithm(first(7, 2), "adjoint", "plain")).toBe("columns");
  });

  it("keeps to direct sums on request", () => {
    expect(algorithm(map(56), "apply", "plain")).toBe("direct");
    expect(algorithm(map(56), "adjoint", "plain")).toBe("direct");
  });
});
