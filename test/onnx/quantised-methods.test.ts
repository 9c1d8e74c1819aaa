/** Whole quantised networks: what lies between their layers, and every method on both readings. */
import { describe, expect, it } from "vitest";
import { explain, gradCam, guidedBackprop, loadModel, lrp, Tensor } from "../../src/index";
import { type MethodName, methodTable } from "../../src/methods/table";
import { deployed, Network } from "./quantised-network";

const alike = (p: Float32Array, q: Float32Array): number => {
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
  return dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q));
};

const values = (n: Network, count: number): Float32Array =>
  Float32Array.from({ length: count }, () => n.random(-1000, 1000) / 500);

function pair(
  n: Network,
  x: string,
  scale: number,
  zero: number,
  type: "uint8" | "int16" | "uint16" = "uint8",
): string {
  const [s, z] = [n.scale(scale), n.constant(type, [zero])];
  return n.add("DequantizeLinear", [n.add("QuantizeLinear", [x, s, z]), s, z]);
}

const window = { kernel_shape: [3, 3], pads: [1, 1, 1, 1] };

function conv(n: Network, x: string, from: number, to: number, scale: number): string {
  const scales = Array.from({ length: to }, (_, o) => scale * (1 + 0.37 * Math.sin(o + 1)));
  const zeros = n.constant("uint8", new Array<number>(to).fill(127), [to]);
  const w = n.add("DequantizeLinear", [n.weights("uint8", [to, from, 3, 3]), n.scale(...scales), zeros], { axis: 0 });
  return n.add("Conv", [x, w], window);
}

function head(n: Network, x: string, channels: number): string {
  const mean = pair(n, n.add("GlobalAveragePool", [x]), 0.01, 0);
  const matrix = [n.weights("uint8", [4, channels]), n.scale(0.01), n.constant("uint8", [127])];
  return n.add("Gemm", [n.add("Flatten", [mean]), n.add("DequantizeLinear", matrix)], { transB: 1 });
}

/** Zeros have no sign here. */
const plain = (list: Float32Array): number[] => Array.from(list, (value) => value + 0);

/** A classifier in pairs. */
function classifier(): { n: Network; file: Uint8Array<ArrayBuffer> } {
  const n = new Network(5, [1, 3, 16, 16]);
  const first = pair(n, n.add("Relu", [conv(n, pair(n, "x", 0.02, 110), 3, 8, 0.004)]), 0.02, 0);
  const second = pair(n, n.add("Relu", [conv(n, first, 8, 8, 0.004)]), 0.02, 0);
  const sum = pair(n, n.add("Add", [first, second]), 0.02, 0);
  const pooled = pair(n, n.add("MaxPool", [sum], { kernel_shape: [2, 2], strides: [2, 2] }), 0.02, 0);
  return { n, file: n.file(head(n, pooled, 8), [1, 4]) };
}

/** The same of quantised operators, without its rectifiers: the grids begin at zero. */
function ofOperators(): { n: Network; file: Uint8Array<ArrayBuffer> } {
  const n = new Network(5, [1, 3, 16, 16]);
  const [s, z] = [n.scale(0.02), n.constant("uint8", [110])];
  const [t, none] = [n.scale(0.02), n.constant("uint8", [0])];
  const layer = (x: string[], from: number): string[] => {
    const w = [n.weights("uint8", [8, from, 3, 3]), n.scale(0.004), n.constant("uint8", [127])];
    return [n.add("QLinearConv", [...x, ...w, t, none], window), t, none];
  };
  const second = layer(layer([n.add("QuantizeLinear", ["x", s, z]), s, z], 3), 8);
  const pooled = n.add("MaxPool", [second[0]], { kernel_shape: [2, 2], strides: [2, 2] });
  const mean = n.microsoft("QLinearGlobalAveragePool", [pooled, t, none, n.scale(0.01), none]);
  const b = [n.weights("uint8", [4, 8]), n.scale(0.01), n.constant("uint8", [127])];
  const flat = n.add("Reshape", [mean, n.integers64([1, 8])]);
  return { n, file: n.file(n.microsoft("QGemm", [flat, n.scale(0.01), none, ...b], { transB: 1 }), [1, 4]) };
}

describe("every method works on both readings, and shows nearly the same", () => {
  const needed: Readonly<Record<string, string>> = {
    "attention-rollout": "a transformer",
    "attention-relevance": "a transformer",
  };
  const methods = methodTable.map(({ name }): MethodName => name).filter((name) => !Object.hasOwn(needed, name));
  for (const [name, make] of Object.entries({ pairs: classifier, operators: ofOperators })) {
    it.each(methods)(`${name}: %s`, async (method) => {
      const { n, file } = make();
      const x = Tensor.fromNCHW(values(n, 768), [1, 3, 16, 16]);
      const maps = await Promise.all(
        (["deployed", "float"] as const).map(async (quantized) => {
          const model = await loadModel(file, { quantized });
          const made = await explain(model, x, { method, target: 1 } as Parameters<typeof explain>[2]);
          return Array.isArray(made) ? made[0] : made;
        }),
      );
      expect(maps[0].layer).toBe(maps[1].layer);
      expect(alike(maps[0].values.data, maps[1].values.data)).toBeGreaterThan(0.9);
    });
  }

  it("a grid that begins at zero is the rectifier that the exporter left out", async () => {
    const { n, file } = ofOperators();
    const model = await loadModel(file);
    const x = Tensor.fromNCHW(values(n, 768), [1, 3, 16, 16]);
    const guided = await guidedBackprop(model, x, { target: 1 });
    const plain = await explain(model, x, { method: "saliency", target: 1 });
    expect(alike(guided.values.data, plain.values.data)).toBeLessThan(0.9);
    const shares = await lrp(model, x, { target: 1, composite: "epsilon" });
    const sum = shares.values.data.reduce((total, value) => total + value, 0);
    expect(Math.abs(sum - shares.target.score)).toBeLessThan(0.05 * Math.abs(shares.target.score) + 1e-4);
    expect((await gradCam(model, x, { target: 1 })).layer).not.toMatch(/RoundToGrid/);
  });
});

describe("deep quantised networks", () => {
  it.each([11, 12, 13])("twelve layers (%i): every element is onnxruntime's", async (seed) => {
    const n = new Network(seed, [1, 3, 20, 20]);
    let x = pair(n, "x", 0.0171, 120);
    x = pair(n, conv(n, x, 3, 12, 0.0052), 0.0193, 0);
    for (let layer = 0; layer < 11; layer++) {
      const y = pair(
        n,
        conv(n, x, 12, 12, 0.0031 + 0.0002 * layer),
        0.0187 + 0.0007 * layer,
        layer % 3 === 0 ? 127 : 0,
      );
      x = layer % 2 ? pair(n, n.add("Add", [x, y]), 0.0223 + 0.0003 * layer, 60) : y;
    }
    const file = n.file(x, [1, 12, 20, 20]);
    const data = values(n, 1200);
    const { output } = await (await loadModel(file)).run(Tensor.fromNCHW(data, [1, 3, 20, 20]));
    const expected = await deployed(file, data, [1, 3, 20, 20]);
    expect(new Set(expected).size).toBeGreaterThan(50);
    const found = output.toNCHW();
    expect(found.filter((value, i) => value !== expected[i])).toHaveLength(0);
  });
});

describe("what else quantised files hold", () => {
  const cases: Readonly<
    Record<string, [shape: readonly number[], out: readonly number[], make: (n: Network) => string]>
  > = {
    "pairs of int16": [
      [1, 3, 8, 8],
      [1, 3, 8, 8],
      (n) => pair(n, n.add("Relu", [pair(n, "x", 0.0001, -100, "int16")]), 0.00005, 3, "int16"),
    ],
    "pairs of uint16": [[1, 3, 8, 8], [1, 3, 8, 8], (n) => pair(n, "x", 0.0001, 30000, "uint16")],
    "a scale for each channel": [
      [1, 3, 8, 8],
      [1, 3, 8, 8],
      (n) => {
        const [s, z] = [n.scale(0.01, 0.02, 0.015), n.constant("uint8", [100, 128, 90], [3])];
        return n.add("DequantizeLinear", [n.add("QuantizeLinear", ["x", s, z]), s, z]);
      },
    ],
    "a scale for each row": [
      [1, 3, 4, 8],
      [1, 3, 4, 8],
      (n) => {
        const [s, z] = [n.scale(0.01, 0.02, 0.015, 0.1), n.constant("int8", [1, 2, -3, 4], [4])];
        const q = n.add("QuantizeLinear", ["x", s, z], { axis: -2 });
        return n.add("DequantizeLinear", [q, s, z], { axis: 2 });
      },
    ],
    "other scales behind than before": [
      [1, 3, 8, 8],
      [1, 3, 8, 8],
      (n) => {
        const q = n.add("QuantizeLinear", ["x", n.scale(0.02), n.constant("uint8", [100])]);
        return n.add("DequantizeLinear", [q, n.scale(0.5), n.constant("uint8", [7])]);
      },
    ],
    "no zero point": [
      [1, 3, 8, 8],
      [1, 3, 8, 8],
      (n) => n.add("DequantizeLinear", [n.add("QuantizeLinear", ["x", n.scale(0.01)]), n.scale(0.01)]),
    ],
    "weights that are quantised in the file": [
      [1, 3, 8, 8],
      [1, 4, 8, 8],
      (n) => {
        const w = n.constant(
          "float32",
          Array.from({ length: 108 }, () => n.random(-60, 60) / 64),
          [4, 3, 3, 3],
        );
        const [s, z] = [n.scale(1 / 64), n.constant("uint8", [128])];
        const filter = n.add("DequantizeLinear", [n.add("QuantizeLinear", [w, s, z]), s, z]);
        return pair(n, n.add("Conv", [pair(n, "x", 0.02, 100), filter], window), 0.07, 120);
      },
    ],
    "integers that are padded, pooled, moved and joined": [
      [1, 3, 6, 8],
      [1, 48, 6],
      (n) => {
        const [s, z] = [n.scale(0.0173), n.constant("uint8", [111])];
        const q = n.add("QuantizeLinear", ["x", s, z]);
        const padded = n.add("Pad", [q, n.integers64([0, 0, 1, 1, 0, 0, 1, 1]), n.constant("uint8", [111])]);
        const pooled = n.add("MaxPool", [padded], { kernel_shape: [3, 3] });
        const joined = n.add(
          "Concat",
          [n.add("Transpose", [pooled], { perm: [0, 1, 3, 2] }), n.add("Transpose", [q], { perm: [0, 1, 3, 2] })],
          { axis: 1 },
        );
        return n.add("DequantizeLinear", [n.add("Reshape", [joined, n.integers64([1, 48, 6])]), s, z]);
      },
    ],
    "integers as numbers": [
      [1, 3, 8, 8],
      [1, 3, 8, 8],
      (n) => n.add("Cast", [n.add("QuantizeLinear", ["x", n.scale(0.02), n.constant("int8", [5])])], { to: 1 }),
    ],
  };
  for (const [name, [shape, out, make]] of Object.entries(cases)) {
    it(name, async () => {
      const n = new Network(3, shape);
      const file = n.file(make(n), out, { opset: 21 });
      const data = values(
        n,
        shape.reduce((a, b) => a * b, 1),
      );
      const { output } = await (await loadModel(file)).run(
        Tensor.fromNCHW(data, shape as [number, number, number, number]),
      );
      const found = output.shape.length === 4 ? output.toNCHW() : output.data;
      expect(plain(found)).toEqual(plain(await deployed(file, data, shape)));
      const real = await (await loadModel(file, { quantized: "float" })).run(
        Tensor.fromNCHW(data, shape as [number, number, number, number]),
      );
      expect(alike(real.output.data, output.data)).toBeGreaterThan(0.999);
    });
  }

  it.each(["QLinearConv", "pair"] as const)("an input of integers before a %s", async (kind) => {
    const n = new Network(8, [1, 3, 8, 8]);
    const [s, z] = [n.scale(0.0171), n.constant("uint8", [114])];
    const w = [n.weights("uint8", [5, 3, 3, 3]), n.scale(0.01), n.constant("uint8", [127])];
    const [t, o] = [n.scale(0.05), n.constant("uint8", [128])];
    const y =
      kind === "pair"
        ? n.add("QuantizeLinear", [
            n.add("Conv", [n.add("DequantizeLinear", ["x", s, z]), n.add("DequantizeLinear", w)], window),
            t,
            o,
          ])
        : n.add("QLinearConv", ["x", s, z, ...w, t, o], window);
    const file = n.file(n.add("DequantizeLinear", [y, t, o]), [1, 5, 8, 8], { inputType: 2 });
    const pixels = Float32Array.from({ length: 192 }, () => n.random(0, 255));
    const model = await loadModel(file);
    const { output } = await model.run(Tensor.fromNCHW(pixels, [1, 3, 8, 8]));
    expect(plain(output.toNCHW())).toEqual(plain(await deployed(file, pixels, [1, 3, 8, 8], "all", "uint8")));
    expect(model.notes.map(({ code }) => code).sort()).toEqual(expect.arrayContaining(["integer-input", "quantised"]));
  });
});
