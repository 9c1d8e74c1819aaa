import { describe, expect, it } from "vitest";
import { specialise } from "../../src/compile/specialise";
import { ShapeError } from "../../src/errors";
import { type Attribute, Constant, type Graph } from "../../src/graph/ir";
import { floats, graphOf, ints, randomFloats, randomIntegers, runReference } from "../graph/build";

type Random = (from: number, to: number) => number;
type Attributes = Record<string, Attribute>;

const list = (random: Random, length: number, from: number, to: number): number[] =>
  Array.from({ length }, () => random(from, to));

/** Same shapes as onnxruntime, or refused by both. Returns whether the graph was accepted. */
async function agrees(graph: Graph, random: Random): Promise<boolean> {
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [name, randomFloats(random, shape.map(Number))]),
  );
  const reference = await runReference(graph, feeds).catch((error: Error) => error);
  let ours: (readonly number[] | undefined)[] | Error;
  try {
    const { shapes } = specialise(graph, new Map(graph.inputs.map(({ name, shape }) => [name, shape.map(Number)])));
    ours = graph.outputs.map((output) => shapes.get(output));
  } catch (error) {
    ours = error as Error;
  }
  const shown = JSON.stringify(graph.nodes.map(({ op, attributes }) => [op, ...attributes]));
  if (reference instanceof Error || ours instanceof Error) {
    expect(ours, `${shown}: onnxruntime says ${reference}`).toBeInstanceOf(ShapeError);
    expect(reference instanceof Error || isEmpty(reference), `${shown}: we say ${ours}`).toBe(true);
    return false;
  }
  expect(ours, shown).toEqual(graph.outputs.map((output) => reference[output].dims));
  return true;
}

/** A result without elements is an error here and none in onnxruntime. */
const isEmpty = (result: Record<string, { dims: readonly number[] }>): boolean =>
  Object.values(result).some(({ dims }) => dims.includes(0));

/** `count` random graphs; most must be legal, so that the comparison is about shapes. */
async function sweep(seed: number, count: number, make: (random: Random) => Graph): Promise<void> {
  const random = randomIntegers(seed);
  let accepted = 0;
  for (let i = 0; i < count; i++) if (await agrees(make(random), random)) accepted++;
  expect(accepted).toBeGreaterThan(count * 0.4);
}

function windowAttributes(random: Random, rank: number, withDilation: boolean): Attributes {
  const attributes: Attributes = {};
  if (random(0, 3)) attributes.strides = list(random, rank, 1, 3);
  const autoPad = ["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"][random(0, 4)];
  if (autoPad !== "NOTSET") attributes.auto_pad = autoPad;
  else if (random(0, 2)) attributes.pads = list(random, 2 * rank, 0, 1);
  // onnxruntime refuses dilation together with SAME padding
  if (withDilation && !autoPad.startsWith("SAME") && random(0, 1)) attributes.dilations = list(random, rank, 1, 2);
  return attributes;
}

describe("shape rules agree with onnxruntime", () => {
  it("Conv, in one and two dimensions, grouped, dilated, asymmetric", () =>
    sweep(1, 150, (random) => {
      const rank = random(1, 2);
      const groups = random(1, 2);
      const kernel = list(random, rank, 1, 4);
      return graphOf({
        inputs: { x: [random(1, 2), 2 * groups, ...list(random, rank, 3, 11)] },
        constants: { w: randomFloats(random, [3 * groups, 2, ...kernel]) },
        nodes: [["Conv", ["x", "w"], ["y"], { group: groups, ...windowAttributes(random, rank, true) }]],
      });
    }));

  it("ConvTranspose with output_padding, output_shape and auto_pad", () =>
    sweep(2, 150, (random) => {
      const rank = random(1, 2);
      const groups = random(1, 2);
      const attributes = { group: groups, ...windowAttributes(random, rank, true) } as Attributes;
      const strides = (attributes.strides ?? [1, 1]) as number[];
      if (random(0, 2) === 0) attributes.output_padding = strides.slice(0, rank).map((stride) => random(0, stride - 1));
      const spatial = list(random, rank, 3, 6);
      if (random(0, 3) === 0) attributes.output_shape = spatial.map((n, i) => n * strides[i]);
      return graphOf({
        inputs: { x: [1, 2 * groups, ...spatial] },
        constants: { w: randomFloats(random, [2 * groups, 3, ...list(random, rank, 2, 4)]) },
        nodes: [["ConvTranspose", ["x", "w"], ["y"], attributes]],
      });
    }));

  it("MaxPool (with indices) and AveragePool with ceil_mode", () =>
    sweep(3, 200, (random) => {
      const isMax = random(0, 1) === 1;
      // kernel ≥ stride: onnxruntime refuses SAME padding otherwise
      const attributes: Attributes = { ...windowAttributes(random, 2, isMax), kernel_shape: list(random, 2, 3, 4) };
      if (random(0, 1)) attributes.ceil_mode = 1;
      return graphOf({
        opset: random(11, 18),
        inputs: { x: [1, 2, ...list(random, 2, 4, 12)] },
        nodes: [[isMax ? "MaxPool" : "AveragePool", ["x"], isMax ? ["y", "indices"] : ["y"], attributes]],
        outputs: ["y"],
      });
    }));

  it("MaxUnpool", () =>
    sweep(4, 20, (random) => {
      const extents = list(random, 2, 2, 5).map((n) => 2 * n);
      const pool = { kernel_shape: [2, 2], strides: [2, 2] };
      return graphOf({
        inputs: { x: [1, 2, ...extents] },
        constants: { shape: ints(1, 2, extents[0] + 1, extents[1] + 1) },
        nodes: [
          ["MaxPool", ["x"], ["p", "i"], pool],
          ["MaxUnpool", random(0, 1) ? ["p", "i"] : ["p", "i", "shape"], ["y"], pool],
        ],
      });
    }));

  it("Slice with negative and huge ends and steps, attribute and input form", () =>
    sweep(5, 150, (random) => {
      const far = [random(-6, 6), random(-6, 6), 2 ** 40, -(2 ** 40)];
      const axes = [[0], [1, 2], [-1], [2, 0]][random(0, 3)];
      const pick = (from: readonly number[]) => axes.map(() => from[random(0, from.length - 1)]);
      const [starts, ends, steps] = [pick([0, 0, 0, 1, -3]), pick([...far, 2 ** 40]), pick([1, 1, 2, 3, -1, -2])];
      for (let i = 0; i < axes.length; i++) if (steps[i] < 0) [starts[i], ends[i]] = [-1, random(-9, -2)];
      if (random(0, 2) === 0) {
        return graphOf({
          opset: 9,
          inputs: { x: [5, 6, 7] },
          nodes: [["Slice", ["x"], ["y"], { starts, ends, axes }]],
        });
      }
      return graphOf({
        inputs: { x: [5, 6, 7] },
        constants: { starts: ints(...starts), ends: ints(...ends), axes: ints(...axes), steps: ints(...steps) },
        nodes: [["Slice", ["x", "starts", "ends", "axes", "steps"], ["y"]]],
      });
    }));

  it("Pad of every mode, negative pads and axes", () =>
    sweep(6, 80, (random) => {
      const mode = ["constant", "reflect", "edge"][random(0, 2)];
      const least = mode === "constant" ? -1 : 0;
      if (random(0, 2) === 0) {
        const pads = list(random, 8, least, 2);
        return graphOf({ opset: 10, inputs: { x: [3, 4, 5, 4] }, nodes: [["Pad", ["x"], ["y"], { mode, pads }]] });
      }
      return graphOf({
        opset: 18,
        inputs: { x: [3, 4, 5, 4] },
        constants: { pads: ints(...list(random, 4, least, 2)), axes: ints(-1, 1) },
        nodes: [["Pad", ["x", "pads", "", "axes"], ["y"], { mode }]],
      });
    }));

  it("Resize by scales, sizes, axes and aspect ratio", () =>
    sweep(7, 150, (random) => {
      const x = [1, 2, random(3, 11), random(3, 11)];
      const scale = () => random(3, 30) / 10;
      const kind = random(0, 3);
      const attributes: Attributes = { mode: random(0, 1) ? "nearest" : "linear" };
      if (kind === 0) {
        const scales = floats([4], [1, 1, scale(), scale()]);
        return graphOf({
          inputs: { x },
          constants: { scales },
          nodes: [["Resize", ["x", "", "scales"], ["y"], attributes]],
        });
      }
      if (kind === 1) {
        const sizes = ints(1, 2, random(1, 20), random(1, 20));
        return graphOf({
          inputs: { x },
          constants: { sizes },
          nodes: [["Resize", ["x", "", "", "sizes"], ["y"], attributes]],
        });
      }
      if (kind === 2) {
        const scales = floats([4], [1, 1, scale(), scale()]);
        return graphOf({
          opset: 10,
          inputs: { x },
          constants: { scales },
          nodes: [["Resize", ["x", "scales"], ["y"], attributes]],
        });
      }
      const policy = ["stretch", "not_larger", "not_smaller"][random(0, 2)];
      return graphOf({
        opset: 18,
        inputs: { x },
        constants: { sizes: ints(random(1, 20), random(1, 20)) },
        nodes: [
          ["Resize", ["x", "", "", "sizes"], ["y"], { ...attributes, axes: [2, 3], keep_aspect_ratio_policy: policy }],
        ],
      });
    }));

  it("Upsample as attribute and input", () =>
    sweep(8, 20, (random) => {
      const x = [1, 2, random(2, 6), random(2, 6)];
      const scales = [1, 1, random(1, 3), random(10, 30) / 10];
      if (random(0, 1)) {
        return graphOf({ opset: 7, inputs: { x }, nodes: [["Upsample", ["x"], ["y"], { mode: "nearest", scales }]] });
      }
      const constants = { scales: floats([4], scales) };
      return graphOf({
        opset: 9,
        inputs: { x },
        constants,
        nodes: [["Upsample", ["x", "scales"], ["y"], { mode: "nearest" }]],
      });
    }));

  it("Reshape with 0 and −1, with and without allowzero", () =>
    sweep(9, 60, (random) => {
      const target = [[0, -1], [-1], [0, 0, -1], [2, -1, 2], [0, 4, 3], [-1, 5], [24, 1, 1], [0, 3, -1, 1]][
        random(0, 7)
      ];
      const attributes: Attributes = random(0, 3) === 0 ? { allowzero: 1 } : {};
      return graphOf({
        inputs: { x: [2, 3, 4] },
        constants: { shape: ints(...target) },
        nodes: [["Reshape", ["x", "shape"], ["y"], attributes]],
      });
    }));

  it("Transpose, Flatten, Squeeze, Unsqueeze in both forms", async () => {
    const random = randomIntegers(10);
    const x = [2, 1, 3, 1];
    const cases: [string, Attributes | Constant | undefined, number][] = [
      ["Transpose", undefined, 13],
      ["Transpose", { perm: [2, 0, 3, 1] }, 13],
      ...[-4, -1, 0, 1, 3, 4].map((axis): [string, Attributes, number] => ["Flatten", { axis }, 13]),
      ["Squeeze", undefined, 13],
      ["Squeeze", ints(-1, 1), 13],
      ["Squeeze", { axes: [3] }, 11],
      ["Squeeze", ints(0), 13],
      ["Unsqueeze", ints(-1, 0), 13],
      ["Unsqueeze", { axes: [0, 3] }, 11],
      ["Unsqueeze", ints(6), 13],
    ];
    for (const [op, argument, opset] of cases) {
      const given = argument instanceof Constant;
      const graph = graphOf({
        opset,
        inputs: { x },
        constants: given ? { a: argument } : {},
        nodes: [[op, given ? ["x", "a"] : ["x"], ["y"], given ? {} : argument]],
      });
      await agrees(graph, random);
    }
  });

  it("Concat and Split with equal, given and uneven parts", async () => {
    const random = randomIntegers(11);
    const inputs = { x: [2, 7, 4], z: [2, 3, 4] };
    await agrees(graphOf({ inputs, nodes: [["Concat", ["x", "z", "x"], ["y"], { axis: -2 }]] }), random);
    await agrees(graphOf({ inputs, nodes: [["Concat", ["x", "z"], ["y"], { axis: 0 }]] }), random);
    const parts = { parts: ints(2, 4, 1) };
    const outs = ["a", "b", "c"];
    await agrees(graphOf({ inputs, constants: parts, nodes: [["Split", ["x", "parts"], outs, { axis: 1 }]] }), random);
    await agrees(
      graphOf({ opset: 11, inputs, nodes: [["Split", ["x"], outs, { axis: 1, split: [2, 4, 1] }]] }),
      random,
    );
    await agrees(graphOf({ inputs, nodes: [["Split", ["x"], ["a", "b"], { axis: 2 }]] }), random);
    await agrees(graphOf({ inputs, nodes: [["Split", ["x"], outs, { axis: 2 }]] }), random);
    await agrees(graphOf({ opset: 18, inputs, nodes: [["Split", ["x"], outs, { axis: 1, num_outputs: 3 }]] }), random);
  });

  it("reductions: axes as attribute and input, keepdims, none", () =>
    sweep(12, 80, (random) => {
      const op = ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceProd"][random(0, 3)];
      const axes = [[0], [1, -1], [-2], [2, 3], []][random(0, 4)];
      const attributes: Attributes = random(0, 1) ? { keepdims: random(0, 1) } : {};
      const modern = random(0, 1) === 1;
      if (modern && random(0, 3) === 0) attributes.noop_with_empty_axes = 1;
      if (modern || op === "ReduceSum") {
        const constants = { axes: ints(...axes) };
        return graphOf({
          opset: 18,
          inputs: { x: [2, 3, 4, 5] },
          constants,
          nodes: [[op, ["x", "axes"], ["y"], attributes]],
        });
      }
      if (axes.length > 0) attributes.axes = axes;
      return graphOf({ inputs: { x: [2, 3, 4, 5] }, nodes: [[op, ["x"], ["y"], attributes]] });
    }));

  it("broadcasting of two and more values, MatMul of every rank, Gemm", async () => {
    const random = randomIntegers(13);
    const extent = () => [1, 1, 2, 3][random(0, 3)];
    for (let i = 0; i < 60; i++) {
      const shape = () => Array.from({ length: random(0, 4) }, extent);
      const inputs = { a: shape(), b: shape(), c: shape() };
      await agrees(graphOf({ inputs, nodes: [["Add", ["a", "b"], ["y"]]] }), random);
      await agrees(graphOf({ inputs, nodes: [["Sum", ["a", "b", "c"], ["y"]]] }), random);
      // a slope that fits: onnxruntime also repeats the input, against the specification
      const slope = { ...inputs, b: inputs.a.slice(random(0, inputs.a.length)).map((n) => (random(0, 1) ? n : 1)) };
      await agrees(graphOf({ inputs: slope, nodes: [["PRelu", ["a", "b"], ["y"]]] }), random);
      await agrees(graphOf({ inputs, nodes: [["MatMul", ["a", "b"], ["y"]]] }), random);
    }
    const c = { c: [1, 5] };
    for (const [a, b, transA, transB] of [
      [[2, 3], [3, 5], 0, 0],
      [[3, 2], [5, 3], 1, 1],
      [[2, 3], [5, 3], 0, 0],
    ] as const) {
      const inputs = { a, b, ...c };
      await agrees(graphOf({ inputs, nodes: [["Gemm", ["a", "b", "c"], ["y"], { transA, transB }]] }), random);
    }
  });

  it("DepthToSpace, SpaceToDepth, global pooling, Gather, Tile, Expand, Where", async () => {
    const random = randomIntegers(14);
    const inputs = { x: [2, 8, 4, 6] };
    for (const blocksize of [2, 3]) {
      await agrees(graphOf({ inputs, nodes: [["DepthToSpace", ["x"], ["y"], { blocksize }]] }), random);
      await agrees(graphOf({ inputs, nodes: [["SpaceToDepth", ["x"], ["y"], { blocksize }]] }), random);
    }
    for (const op of ["GlobalAveragePool", "GlobalMaxPool", "Identity", "Softmax", "HardSwish", "Softplus"]) {
      await agrees(graphOf({ inputs, nodes: [[op, ["x"], ["y"]]] }), random);
    }
    const constants = {
      index: ints(1, 0, -1),
      scalar: Constant.fromNumbers("int", [2], []),
      repeats: ints(1, 2, 1, 3),
      shape: ints(3, 1, 8, 1, 6),
      yes: Constant.fromNumbers("bool", [1, 0, 1, 0, 1, 0], [6]),
    };
    await agrees(graphOf({ inputs, constants, nodes: [["Gather", ["x", "index"], ["y"], { axis: -1 }]] }), random);
    await agrees(graphOf({ inputs, constants, nodes: [["Gather", ["x", "scalar"], ["y"], { axis: 1 }]] }), random);
    await agrees(graphOf({ inputs, constants, nodes: [["Tile", ["x", "repeats"], ["y"]]] }), random);
    await agrees(graphOf({ inputs: { x: [8, 4, 1] }, constants, nodes: [["Expand", ["x", "shape"], ["y"]]] }), random);
    await agrees(graphOf({ inputs: { x: [8, 1, 1] }, constants, nodes: [["Expand", ["x", "shape"], ["y"]]] }), random);
    await agrees(graphOf({ inputs, constants, nodes: [["Where", ["yes", "x", "x"], ["y"]]] }), random);
  });
});

describe("shape errors name the node, both shapes and the way out", () => {
  const failing = (graph: Graph) => () => specialise(graph, new Map());

  it("Conv with the wrong number of channels", () => {
    const constants = { w: floats([16, 4, 3, 3], new Float32Array(576)) };
    const graph = graphOf({ inputs: { x: [1, 3, 8, 8] }, constants, nodes: [["Conv", ["x", "w"], ["conv1"]]] });
    expect(failing(graph)).toThrow(
      'Conv "conv1": input has 3 channels, weight expects 4 (input 1×3×8×8, weight 16×4×3×3). Check the input shape (N, C, H, W).',
    );
  });

  it("a window larger than its input", () => {
    const graph = graphOf({
      inputs: { x: [1, 3, 4, 4] },
      nodes: [["MaxPool", ["x"], ["pool"], { kernel_shape: [5, 5] }]],
    });
    expect(failing(graph)).toThrow(
      /MaxPool "pool": the window 5×5 .* is larger than the padded input 4×4\. Use a larger/,
    );
  });

  it("Gemm after another image size", () => {
    const constants = { w: floats([8, 2], new Float32Array(16)) };
    const nodes = [
      ["Flatten", ["x"], ["f"]] as [string, string[], string[]],
      ["Gemm", ["f", "w"], ["fc"]] as [string, string[], string[]],
    ];
    expect(failing(graphOf({ inputs: { x: [1, 1, 3, 3] }, constants, nodes }))).toThrow(
      /Gemm "fc": input has 9 features, weight expects 8 \(input 1×9, weight 8×2\)\. .*inputShape/,
    );
  });

  it("a Reshape that depends on the image", () => {
    const graph = graphOf({ inputs: { x: [1, 4], s: [2] }, nodes: [["Reshape", ["x", "s"], ["r"]]] });
    expect(failing(graph)).toThrow(/Reshape "r": its target shape \("s"\) depend on the image/);
  });
});
