import { GraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { describe, expect, it } from "vitest";
import { cam, gradCam, loadModel, type Model, UnsupportedOperatorError } from "../../src/index";
import { compareGradients, expectAlike, type Files, input, modelFiles, tensorOf } from "./harness";

/** Attributes as GraphDef's JSON writes them. */
const text = (value: string) => ({ s: btoa(value) });
const list = (...numbers: number[]) => ({ list: { i: numbers.map(String) } });
const texts = (...values: string[]) => ({ list: { s: values.map((value) => btoa(value)) } });
const int = (value: number) => ({ i: String(value) });
const shape = (...extents: number[]) => ({ shape: { dim: extents.map((size) => ({ size: String(size) })) } });

interface Node {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Record<string, unknown>;
}

/** A graph under construction: weights are seeded, every method returns a node's name. */
class Graph {
  readonly nodes: Node[] = [];
  readonly weights: tf.io.WeightsManifestEntry[] = [];
  readonly #data: Uint8Array[] = [];
  readonly #extents: readonly number[];

  constructor(...extents: number[]) {
    this.#extents = extents;
    this.nodes.push({
      name: "image",
      op: "Placeholder",
      input: [],
      attr: { dtype: { type: "DT_FLOAT" }, shape: shape(-1, ...extents) },
    });
  }

  add(
    op: string,
    inputs: readonly string[],
    attr: Record<string, unknown> = {},
    name = `${op}_${this.nodes.length}`,
  ): string {
    this.nodes.push({ name, op, input: inputs, attr: { T: { type: "DT_FLOAT" }, ...attr } });
    return name;
  }

  #constant(values: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>, extents: readonly number[]): string {
    const name = `const_${this.weights.length}`;
    const dtype = values instanceof Float32Array ? "float32" : "int32";
    this.nodes.push({
      name,
      op: "Const",
      input: [],
      attr: { dtype: { type: dtype === "int32" ? "DT_INT32" : "DT_FLOAT" } },
    });
    this.weights.push({ name, dtype, shape: [...extents] });
    this.#data.push(new Uint8Array(values.buffer));
    return name;
  }

  /** Seeded floats between the bounds. */
  floats(extents: readonly number[], low = -0.6, high = 0.6): string {
    const values = tf.randomUniform([...extents], low, high, "float32", 11 + this.weights.length).dataSync();
    return this.#constant(Float32Array.from(values), extents);
  }

  number(value: number): string {
    return this.#constant(Float32Array.of(value), []);
  }

  ints(...values: number[]): string {
    return this.#constant(Int32Array.from(values), [values.length]);
  }

  int(value: number): string {
    return this.#constant(Int32Array.of(value), []);
  }

  rows(...rows: number[][]): string {
    return this.#constant(Int32Array.from(rows.flat()), [rows.length, rows[0].length]);
  }

  /** The files, with two scores of the value as the output. */
  files(value: string, rank = 4): Files {
    const axes = this.ints(...Array.from({ length: rank - 2 }, (_, i) => i + 1));
    const pooled = rank > 2 ? this.add("Mean", [value, axes], { keep_dims: { b: false } }) : value;
    const output = this.add("Identity", [pooled], {}, "Identity");
    return this.close(output);
  }

  close(output: string): Files {
    const signature = {
      inputs: {
        image: {
          name: "image:0",
          dtype: "DT_FLOAT",
          tensorShape: { dim: [-1, ...this.#extents].map((size) => ({ size: String(size) })) },
        },
      },
      outputs: { result: { name: `${output}:0`, dtype: "DT_FLOAT" } },
    };
    const modelTopology = { node: this.nodes, versions: { producer: 1 } };
    const data = new Uint8Array(Buffer.concat(this.#data));
    return modelFiles({ format: "graph-model", modelTopology, signature }, this.weights, data, 64);
  }

  /** The same in TensorFlow.js. */
  oracle(files: Files): GraphModel {
    const json = JSON.parse(new TextDecoder().decode(files["model.json"]));
    const shards = Object.entries(files).filter(([name]) => name !== "model.json");
    const model = new GraphModel({
      load: async () => ({}),
    });
    model.loadSync({
      modelTopology: json.modelTopology,
      signature: json.signature,
      weightSpecs: this.weights,
      weightData: new Uint8Array(Buffer.concat(shards.map(([, bytes]) => bytes))).buffer,
    });
    return model;
  }
}

/** Compares the output and the input's gradient of every score. */
async function compare(graph: Graph, files: Files, gradients = true): Promise<Model> {
  const [, ...extents] = (graph.nodes[0].attr.shape as ReturnType<typeof shape>).shape.dim.map(({ size }) =>
    Number(size),
  );
  const x = input(extents);
  const oracle = graph.oracle(files);
  const loaded = await loadModel(files);
  expectAlike((await loaded.run(tensorOf(x))).output, oracle.predict(x) as tf.Tensor, "output");
  if (gradients) await compareGradients((given) => oracle.predict(given) as tf.Tensor, loaded, x);
  return loaded;
}

const same = { padding: text("SAME"), data_format: text("NHWC") };
const strides = (n: number) => ({ strides: list(1, n, n, 1), dilations: list(1, 1, 1, 1) });

/** One operator on maps 8×7×3; the value whose mean over places is compared. */
const cases: Readonly<Record<string, (g: Graph) => string>> = {
  "Conv2D, SAME": (g) => g.add("Conv2D", ["image", g.floats([3, 3, 3, 4])], { ...same, ...strides(2) }),
  "Conv2D, VALID, dilated": (g) =>
    g.add("Conv2D", ["image", g.floats([3, 2, 3, 4])], {
      padding: text("VALID"),
      ...strides(1),
      dilations: list(1, 2, 2, 1),
    }),
  "Conv2D, explicit padding": (g) =>
    g.add("Conv2D", ["image", g.floats([3, 3, 3, 4])], {
      padding: text("EXPLICIT"),
      explicit_paddings: list(0, 0, 1, 2, 0, 1, 0, 0),
      ...strides(2),
    }),
  "Conv2D and BiasAdd": (g) =>
    g.add("BiasAdd", [g.add("Conv2D", ["image", g.floats([1, 1, 3, 4])], { ...same, ...strides(1) }), g.floats([4])]),
  DepthwiseConv2dNative: (g) =>
    g.add("DepthwiseConv2dNative", ["image", g.floats([3, 3, 3, 2])], { ...same, ...strides(2) }),
  "_FusedConv2D, BiasAdd": (g) =>
    g.add("_FusedConv2D", ["image", g.floats([3, 3, 3, 4]), g.floats([4])], {
      ...same,
      ...strides(1),
      num_args: int(1),
      fused_ops: texts("BiasAdd"),
    }),
  "_FusedConv2D, BiasAdd, Relu6": (g) =>
    g.add("_FusedConv2D", ["image", g.floats([3, 3, 3, 4]), g.floats([4])], {
      ...same,
      ...strides(1),
      num_args: int(1),
      fused_ops: texts("BiasAdd", "Relu6"),
    }),
  "_FusedConv2D, BiasAdd, Prelu": (g) =>
    g.add("_FusedConv2D", ["image", g.floats([3, 3, 3, 4]), g.floats([4]), g.floats([4])], {
      ...same,
      ...strides(1),
      num_args: int(2),
      fused_ops: texts("BiasAdd", "Prelu"),
    }),
  "_FusedConv2D, BiasAdd, LeakyRelu": (g) =>
    g.add("_FusedConv2D", ["image", g.floats([3, 3, 3, 4]), g.floats([4])], {
      ...same,
      ...strides(1),
      num_args: int(1),
      fused_ops: texts("BiasAdd", "LeakyRelu"),
      leakyrelu_alpha: { f: 0.1 },
    }),
  "FusedDepthwiseConv2dNative, BiasAdd, Relu": (g) =>
    g.add("FusedDepthwiseConv2dNative", ["image", g.floats([3, 3, 3, 1]), g.floats([3])], {
      ...same,
      ...strides(1),
      dilations: list(1, 1, 1, 1),
      num_args: int(1),
      fused_ops: texts("BiasAdd", "Relu"),
    }),
  Conv2DBackpropInput: (g) =>
    g.add("Conv2DBackpropInput", [g.ints(1, 15, 14, 4), g.floats([3, 3, 4, 3]), "image"], { ...same, ...strides(2) }),
  "Conv2DBackpropInput whose size follows the image's": (g) => {
    const size = g.add("Shape", ["image"]);
    const part = (i: number) =>
      g.add("StridedSlice", [size, g.ints(i), g.ints(i + 1), g.ints(1)], { shrink_axis_mask: int(1) });
    const double = (i: number) => g.add("Mul", [part(i), g.int(2)]);
    const target = g.add("Pack", [part(0), double(1), double(2), g.int(4)], { N: int(4), axis: int(0) });
    return g.add("Conv2DBackpropInput", [target, g.floats([2, 2, 4, 3]), "image"], {
      padding: text("VALID"),
      ...strides(2),
    });
  },
  "a dilated convolution between SpaceToBatchND and BatchToSpaceND": (g) => {
    const spread = g.add("SpaceToBatchND", ["image", g.ints(2, 2), g.rows([2, 2], [2, 3])]);
    const conv = g.add("Conv2D", [spread, g.floats([3, 3, 3, 4])], { padding: text("VALID"), ...strides(1) });
    const biased = g.add("BiasAdd", [conv, g.floats([4])]);
    return g.add("BatchToSpaceND", [biased, g.ints(2, 2), g.rows([0, 0], [0, 1])]);
  },
  FusedBatchNorm: (g) => batchNorm(g, "FusedBatchNorm"),
  FusedBatchNormV3: (g) => batchNorm(g, "FusedBatchNormV3"),
  "batch normalisation in single operators": (g) => {
    const deviation = g.add("Rsqrt", [g.add("AddV2", [g.floats([3], 0.5, 1.5), g.number(1e-3)])]);
    const factor = g.add("Mul", [deviation, g.floats([3])]);
    const scaled = g.add("Mul", ["image", factor]);
    return g.add("AddV2", [scaled, g.add("Sub", [g.floats([3]), g.add("Mul", [g.floats([3]), factor])])]);
  },
  MaxPool: (g) => g.add("MaxPool", ["image"], { ...same, ...strides(2), ksize: list(1, 3, 3, 1) }),
  AvgPool: (g) => g.add("AvgPool", ["image"], { padding: text("VALID"), ...strides(2), ksize: list(1, 2, 3, 1) }),
  ConcatV2: (g) => g.add("ConcatV2", ["image", g.add("Neg", ["image"]), g.int(-1)], { N: int(2) }),
  Pad: (g) => g.add("Pad", ["image", g.rows([0, 0], [1, 2], [0, 3], [0, 0])]),
  PadV2: (g) => g.add("PadV2", ["image", g.rows([0, 0], [1, 0], [2, 1], [0, 0]), g.number(0.5)]),
  "Transpose of places": (g) => weigh(g, g.add("Transpose", ["image", g.ints(0, 2, 1, 3)])),
  "Transpose to channels first and back": (g) =>
    weigh(
      g,
      g.add("Transpose", [g.add("Relu", [g.add("Transpose", ["image", g.ints(0, 3, 1, 2)])]), g.ints(0, 2, 3, 1)]),
    ),
  Split: (g) => {
    const parts = g.add("Split", [g.int(3), "image"], { num_split: int(3) });
    return g.add("Sub", [`${parts}:2`, g.add("Mul", [parts, `${parts}:1`])]);
  },
  SplitV: (g) => `${g.add("SplitV", ["image", g.ints(1, 2), g.int(-1)], { num_split: int(2) })}:1`,
  "Unpack and Pack": (g) => {
    const parts = g.add("Unpack", ["image"], { axis: int(3), num: int(3) });
    return g.add("Pack", [`${parts}:2`, parts], { axis: int(-1), N: int(2) });
  },
  Slice: (g) => weigh(g, g.add("Slice", ["image", g.ints(0, 1, 2, 0), g.ints(-1, 4, 3, 2)])),
  "StridedSlice with masks": (g) =>
    g.add("StridedSlice", ["image", g.ints(0, 1, 0, 1), g.ints(0, -1, 0, 3), g.ints(1, 2, 1, 1)], {
      begin_mask: int(5),
      end_mask: int(5),
    }),
  "StridedSlice with an ellipsis": (g) =>
    g.add("StridedSlice", ["image", g.ints(0, 1), g.ints(0, 3), g.ints(1, 1)], { ellipsis_mask: int(1) }),
  "StridedSlice of one channel, and a new axis": (g) =>
    g.add("StridedSlice", ["image", g.ints(0, 0, 0, 1, 0), g.ints(0, 0, 0, 2, 0), g.ints(1, 1, 1, 1, 1)], {
      begin_mask: int(7),
      end_mask: int(7),
      shrink_axis_mask: int(8),
      new_axis_mask: int(16),
    }),
  GatherV2: (g) => g.add("GatherV2", ["image", g.ints(2, 0), g.int(3)]),
  "ExpandDims and Squeeze": (g) =>
    g.add("Squeeze", [g.add("ExpandDims", ["image", g.int(1)])], { squeeze_dims: list(1) }),
  DepthToSpace: (g) =>
    g.add("DepthToSpace", [g.add("Conv2D", ["image", g.floats([1, 1, 3, 8])], { ...same, ...strides(1) })], {
      block_size: int(2),
      data_format: text("NHWC"),
    }),
  ResizeNearestNeighbor: (g) => weigh(g, g.add("ResizeNearestNeighbor", ["image", g.ints(16, 14)])),
  "ResizeNearestNeighbor, to a seventh: pixel 7, which lies just before it in float32": (g) => {
    const large = g.add("ResizeNearestNeighbor", ["image", g.ints(14, 14)]);
    return weigh(g, g.add("ResizeNearestNeighbor", [large, g.ints(2, 2)]));
  },
  "ResizeNearestNeighbor, half pixels": (g) =>
    weigh(g, g.add("ResizeNearestNeighbor", ["image", g.ints(5, 11)], { half_pixel_centers: { b: true } })),
  "ResizeNearestNeighbor, aligned": (g) =>
    weigh(g, g.add("ResizeNearestNeighbor", ["image", g.ints(5, 13)], { align_corners: { b: true } })),
  ResizeBilinear: (g) => weigh(g, g.add("ResizeBilinear", ["image", g.ints(13, 5)])),
  "ResizeBilinear, half pixels": (g) =>
    weigh(g, g.add("ResizeBilinear", ["image", g.ints(13, 5)], { half_pixel_centers: { b: true } })),
  "ResizeBilinear, aligned": (g) =>
    weigh(g, g.add("ResizeBilinear", ["image", g.ints(13, 5)], { align_corners: { b: true } })),
  LRN: (g) => g.add("LRN", ["image"], { depth_radius: int(1), bias: { f: 1.5 }, alpha: { f: 0.4 }, beta: { f: 0.7 } }),
  "arithmetic with broadcasting": (g) => {
    const sum = g.add("AddV2", ["image", g.floats([3])]);
    const product = g.add("Mul", [g.floats([7, 1]), sum]);
    return g.add("RealDiv", [g.add("Sub", [g.number(1), product]), g.floats([1, 8, 1, 3], 1, 2)]);
  },
  "AddN and SquaredDifference": (g) =>
    g.add("SquaredDifference", [
      g.add("AddN", ["image", "image", g.add("Abs", ["image"])], { N: int(3) }),
      g.floats([3]),
    ]),
  "Maximum and Minimum": (g) => {
    const other = g.add("Mul", ["image", g.floats([3])]);
    return g.add("Maximum", [g.add("Minimum", ["image", other]), g.add("Minimum", [g.number(0.3), "image"])]);
  },
  "comparisons, logic and SelectV2": (g) => {
    const other = g.add("Mul", ["image", g.floats([3])]);
    const above = g.add("LogicalAnd", [
      g.add("Greater", ["image", g.number(-0.3)]),
      g.add("LessEqual", [other, "image"]),
    ]);
    const mask = g.add("LogicalOr", [g.add("LogicalNot", [above]), g.add("NotEqual", ["image", "image"])]);
    return g.add("SelectV2", [mask, "image", g.floats([3])]);
  },
  "Select by Less, GreaterEqual and Equal": (g) => {
    const less = g.add("Less", ["image", g.add("Square", ["image"])]);
    const equal = g.add("Equal", [g.add("GreaterEqual", ["image", g.number(0.1)]), less]);
    return g.add("Select", [equal, "image", g.add("Neg", ["image"])]);
  },
  "Sin, Cos, Sign, Round, Floor and Ceil": (g) => {
    const large = g.add("Mul", ["image", g.number(3.7)]);
    const all = ["Sin", "Cos", "Sign", "Round", "Floor", "Ceil"].map((op) => g.add(op, [large]));
    return g.add("AddN", all, { N: int(all.length) });
  },
  "FloorMod, FloorDiv and Mod": (g) => {
    const rest = g.add("FloorMod", ["image", g.number(0.3)]);
    return g.add("AddV2", [rest, g.add("FloorDiv", [g.add("Mod", ["image", g.number(-0.4)]), g.number(0.07)])]);
  },
  "FloorDiv of constants": (g) => {
    const float = (of: string): string =>
      g.add("Cast", [of], { SrcT: { type: "DT_INT32" }, DstT: { type: "DT_FLOAT" } });
    const whole = g.add("FloorDiv", [g.ints(-7, 7, -6), g.ints(2, -2, 2)]);
    const real = g.add("FloorDiv", [float(g.ints(-7, 7, 6)), g.number(2)]);
    return g.add("AddV2", ["image", g.add("AddV2", [float(whole), real])]);
  },
  Cumsum: (g) => g.add("Cumsum", ["image", g.ints(2)], { exclusive: { b: true }, reverse: { b: true } }),
  "Pow of two computed values": (g) => g.add("Pow", [g.add("Exp", ["image"]), g.add("Mul", ["image", g.floats([3])])]),
  "Max and Min over some axes": (g) => {
    const over = (op: string, ...axes: number[]): string =>
      g.add(op, ["image", g.ints(...axes)], { keep_dims: { b: true } });
    return g.add("AddV2", [over("Max", 1), over("Min", 3)]);
  },
  ClipByValue: (g) => g.add("ClipByValue", ["image", g.number(-0.4), g.number(0.3)]),
  Prelu: (g) => g.add("Prelu", ["image", g.floats([3])]),
  "Prelu by a computed slope": (g) => g.add("Prelu", ["image", g.add("Exp", ["image"])]),
  "MirrorPad that repeats the edge": (g) =>
    weigh(g, g.add("MirrorPad", ["image", g.rows([0, 0], [2, 1], [1, 3], [0, 0])], { mode: text("SYMMETRIC") })),
  LeakyRelu: (g) => g.add("LeakyRelu", ["image"], { alpha: { f: 0.3 } }),
  "Square, Sqrt, Pow": (g) =>
    g.add("Pow", [g.add("Sqrt", [g.add("AddV2", [g.add("Square", ["image"]), g.number(0.1)])]), g.number(3)]),
  "Cast and StopGradient of constants": (g) =>
    g.add("Mul", [
      "image",
      g.add("Cast", [g.ints(1, 2, 3)], { SrcT: { type: "DT_INT32" }, DstT: { type: "DT_FLOAT" } }),
    ]),
  "Fill and Shape": (g) => {
    const ones = g.add("Fill", [g.add("Shape", ["image"]), g.number(0.25)]);
    return g.add("AddV2", ["image", ones]);
  },
  "Softmax over channels": (g) => g.add("Softmax", ["image"]),
  MirrorPad: (g) =>
    weigh(g, g.add("MirrorPad", ["image", g.rows([0, 0], [2, 1], [1, 3], [0, 0])], { mode: text("REFLECT") })),
};

function batchNorm(g: Graph, op: string): string {
  const parameters = [g.floats([3]), g.floats([3]), g.floats([3]), g.floats([3], 0.5, 1.5)];
  return g.add(op, ["image", ...parameters], {
    epsilon: { f: 0.01 },
    is_training: { b: false },
    data_format: text("NHWC"),
  });
}

/** A convolution, so that places count differently in the mean that follows. */
const weigh = (g: Graph, value: string): string =>
  g.add("Relu", [
    g.add("Conv2D", [value, g.floats([3, 3, value.startsWith("Slice") ? 2 : 3, 4])], { ...same, ...strides(1) }),
  ]);

/** TensorFlow.js has no gradient of these. */
const withoutGradient =
  /comparisons|Select by|FloorMod|Cumsum|dilated|explicit|half pixels|LRN|MirrorPad|ResizeBilinear$|aligned|StridedSlice|DepthToSpace/;

describe("an operator computes what it does in TensorFlow.js:", () => {
  for (const [name, build] of Object.entries(cases)) {
    it(name, async () => {
      const graph = new Graph(8, 7, 3);
      await compare(graph, graph.files(build(graph)), !withoutGradient.test(name));
    });
  }

  const functions = "Relu Relu6 Elu Selu Sigmoid Tanh Softplus Exp Neg Abs Square Erf LogSoftmax Identity".split(" ");
  for (const op of functions) {
    it(op, async () => {
      const graph = new Graph(8, 7, 3);
      await compare(graph, graph.files(graph.add(op, ["image"])), op !== "Erf");
    });
  }
});

describe("heads", () => {
  it("Reshape to a list, MatMul, BiasAdd, Softmax", async () => {
    const graph = new Graph(4, 5, 3);
    const size = graph.add("Shape", ["image"]);
    const batch = graph.add("StridedSlice", [size, graph.ints(0), graph.ints(1), graph.ints(1)], {
      shrink_axis_mask: int(1),
    });
    const target = graph.add("Pack", [batch, graph.int(-1)], { N: int(2) });
    const flat = graph.add("Reshape", ["image", target], {}, "flatten");
    const scores = graph.add(
      "BiasAdd",
      [graph.add("MatMul", [flat, graph.floats([60, 3])]), graph.floats([3])],
      {},
      "scores",
    );
    const files = graph.close(graph.add("Softmax", [scores]));
    const loaded = await compare(graph, files, false);
    expect(loaded.output).toEqual({ name: "scores", shape: [1, 3] });
  });

  it("_FusedMatMul of a turned matrix", async () => {
    const graph = new Graph(12);
    const attr = { transpose_b: { b: true }, num_args: int(1), fused_ops: texts("BiasAdd", "Relu") };
    const hidden = graph.add("_FusedMatMul", ["image", graph.floats([5, 12]), graph.floats([5])], attr);
    await compare(graph, graph.files(graph.add("MatMul", [hidden, graph.floats([5, 2])]), 2));
  });

  it("Mean with axes kept, a 1×1 convolution and Squeeze, as in MobileNet", async () => {
    const graph = new Graph(8, 7, 3);
    const maps = graph.add("Conv2D", ["image", graph.floats([3, 3, 3, 6])], { ...same, ...strides(1) }, "maps");
    const pooled = graph.add("Mean", [maps, graph.ints(1, 2)], { keep_dims: { b: true } });
    const conv = graph.add("Conv2D", [pooled, graph.floats([1, 1, 6, 3])], { ...same, ...strides(1) });
    const files = graph.files(graph.add("Squeeze", [conv], { squeeze_dims: list(1, 2) }), 2);
    const loaded = await compare(graph, files);
    const map = await cam(loaded, tensorOf(input([8, 7, 3])), { target: 1 });
    expect(map.layer).toBe("maps");
    expect(Math.abs(map.convergenceDelta as number)).toBeLessThan(1e-5);
  });

  it("Max over all places", async () => {
    const graph = new Graph(8, 7, 3);
    await compare(graph, graph.files(graph.add("Max", ["image", graph.ints(1, 2)], { keep_dims: { b: false } }), 2));
  });
});

describe("inputs", () => {
  it("channels first, turned at once, stay images", async () => {
    const graph = new Graph(3, 8, 7);
    const last = graph.add("Transpose", ["image", graph.ints(0, 2, 3, 1)]);
    const conv = graph.add("Conv2D", [last, graph.floats([3, 3, 3, 4])], { ...same, ...strides(1) }, "maps");
    const files = graph.files(conv);
    const loaded = await loadModel(files);
    expect(loaded.input.shape).toEqual([1, 8, 7, 3]);
    expect(loaded.layers[0]).toMatchObject({ name: "maps", op: "Conv" });
    const x = input([3, 8, 7]);
    const ours = tensorOf(tf.transpose(x, [0, 2, 3, 1]));
    expectAlike((await loaded.run(ours)).output, graph.oracle(files).predict(x) as tf.Tensor, "output");
  });

  it("of open size get it from inputShape, also where shapes follow from it", async () => {
    const graph = new Graph(-1, -1, 3);
    const size = graph.add("Shape", ["image"]);
    const half = graph.add("FloorDiv", [
      graph.add("StridedSlice", [size, graph.ints(1), graph.ints(3), graph.ints(1)]),
      graph.int(2),
    ]);
    const files = graph.files(graph.add("ResizeBilinear", ["image", half]));
    await expect(loadModel(files)).rejects.toThrow(/leaves axes 1 and 2 of \[\?, \?, \?, 3\] open/);
    const loaded = await loadModel(files, { inputShape: [1, 12, 9, 3] });
    const x = input([12, 9, 3]);
    expectAlike((await loaded.run(tensorOf(x))).output, graph.oracle(files).predict(x) as tf.Tensor, "output");
  });
});

describe("layers", () => {
  it("are called as the nodes of the graph", async () => {
    const graph = new Graph(8, 7, 3);
    const attr = { ...same, ...strides(1), num_args: int(1), fused_ops: texts("BiasAdd", "Relu") };
    const conv = graph.add("_FusedConv2D", ["image", graph.floats([3, 3, 3, 4]), graph.floats([4])], attr, "net/conv");
    const files = graph.files(conv);
    const x = input([8, 7, 3]);
    const loaded = await loadModel(files);
    const { activations } = await loaded.run(tensorOf(x), { capture: ["net/conv"] });
    const [expected] = [graph.oracle(files).execute(x, "net/conv")].flat();
    const captured = activations.get("net/conv");
    if (!captured) throw new Error("nothing was captured");
    expectAlike(captured, expected, "net/conv");
    expect((await gradCam(loaded, tensorOf(x), { target: 0 })).layer).toBe("net/conv");
  });
});

describe("what cannot run is said at once:", () => {
  it("operators, with their nodes", async () => {
    const graph = new Graph(8, 7, 3);
    const noise = graph.add("Bincount", ["image"], {}, "sums");
    const conv = graph.add("Conv2D", [noise, graph.floats([3, 3, 3, 4])], { ...same, ...strides(1) }, "conv");
    const best = graph.add("TopKV2", [conv, graph.int(2)], {}, "best");
    const files = graph.close(graph.add("Where", [best], {}, "places"));
    const failure = await loadModel(files).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnsupportedOperatorError);
    expect((failure as UnsupportedOperatorError).operators).toEqual([
      { op: "Bincount", node: "sums", reason: "the operator is not known" },
      { op: "TopKV2", node: "best", reason: "its result is integers that depend on the image" },
      { op: "Where", node: "places", reason: "it runs on constants alone" },
    ]);
  });

  const refused: Readonly<Record<string, readonly [(g: Graph) => string, RegExp]>> = {
    "a filter that is computed": [
      (g) => g.add("Conv2D", ["image", g.add("Reshape", ["image", g.ints(2, 4, 7, 3)])], { ...same, ...strides(1) }),
      /Conv2D \(at "Conv2D_\d+": its filter is not a constant\)/,
    ],
    "a shape that depends on the image": [
      (g) => g.add("Reshape", ["image", g.add("Cast", ["image"], { DstT: { type: "DT_INT32" } })]),
      /its target shape depends on the image, not only on its size/,
    ],
    "a fused operator": [
      (g) =>
        g.add("_FusedConv2D", ["image", g.floats([3, 3, 3, 4]), g.floats([4])], {
          ...same,
          ...strides(1),
          fused_ops: texts("BiasAdd", "Atan"),
        }),
      /_FusedConv2D .*its fused operator Atan is not supported/,
    ],
    "padding by repetition": [
      (g) => g.add("MirrorPad", ["image", g.rows([0, 0], [1, 1], [1, 1], [0, 0])], { mode: text("EDGE") }),
      /its mode EDGE is not known/,
    ],
    "SpaceToBatchND for something else": [
      (g) =>
        g.add("BatchToSpaceND", [
          g.add("Relu", [g.add("SpaceToBatchND", ["image", g.ints(2, 2), g.rows([0, 0], [0, 1])])]),
          g.ints(2, 2),
          g.rows([0, 0], [0, 1]),
        ]),
      /BatchToSpaceND .*only after SpaceToBatchND and a convolution/,
    ],
  };
  for (const [name, [build, message]] of Object.entries(refused)) {
    it(name, async () => {
      const graph = new Graph(8, 7, 3);
      const value = build(graph);
      await expect(loadModel(graph.close(value))).rejects.toThrow(message);
    });
  }

  it("a constant without its weight", async () => {
    const graph = new Graph(8, 7, 3);
    const filter = graph.floats([3, 3, 3, 4]);
    graph.weights[0].name = "another";
    const files = graph.files(graph.add("Conv2D", ["image", filter], { ...same, ...strides(1) }));
    await expect(loadModel(files)).rejects.toThrow(
      /Node "const_0" is a constant that the weightsManifest does not have/,
    );
  });
});
