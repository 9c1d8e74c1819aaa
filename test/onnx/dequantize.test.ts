import { describe, expect, it } from "vitest";
import { loadModel, Tensor } from "../../src/index";
import { floats, randomIntegers, runReference } from "../graph/build";
import { describeShared, readShared, readSharedJson } from "../shared-folder";
import { onnxFile, rawFloats } from "./protobuf";

/** What DequantizeLinear of constants gives, added to zeros: by onnxruntime, and folded here. */
async function compare(
  shape: readonly number[],
  type: number,
  scaleShape: readonly number[],
  more: { axis?: number; block_size?: number },
  zero: boolean,
  domain = "",
) {
  const random = randomIntegers(type * 31 + scaleShape.length);
  const size = shape.reduce((product, extent) => product * extent, 1);
  const scales = scaleShape.reduce((product, extent) => product * extent, 1);
  const [bits, signed] = {
    2: [8, false],
    3: [8, true],
    4: [16, false],
    5: [16, true],
    6: [32, true],
    21: [4, false],
    22: [4, true],
  }[type] as [number, boolean];
  const bytes = (count: number) => Uint8Array.from({ length: Math.ceil((count * bits) / 8) }, () => random(0, 255));
  const file = onnxFile({
    opset: 21,
    ...(domain && { domains: { [domain]: 1 } }),
    inputs: { x: [1, ...shape] },
    outputs: { y: [1, ...shape] },
    nodes: [
      { op: "DequantizeLinear", domain, inputs: ["q", "s", ...(zero ? ["z"] : [])], outputs: ["d"], attributes: more },
      { op: "Add", inputs: ["x", "d"], outputs: ["y"] },
    ],
    tensors: [
      { name: "q", type, dims: shape, raw: bytes(size) },
      {
        name: "s",
        type: 1,
        dims: scaleShape,
        raw: rawFloats(...Array.from({ length: scales }, () => random(1, 1000) / 999)),
      },
      ...(zero
        ? [
            {
              name: "z",
              type,
              dims: scaleShape,
              raw: signed && bits === 32 ? new Uint8Array(scales * 4) : bytes(scales),
            },
          ]
        : []),
    ],
  });
  const { y } = await runReference(file, { x: floats([1, ...shape], new Float32Array(size)) });
  const { output } = await (await loadModel(file)).run(new Tensor(new Float32Array(size), [1, ...shape]));
  expect(Array.from(output.data)).toEqual(Array.from(y.data, Number));
}

describe("DequantizeLinear of constants is folded to the very bits of onnxruntime", () => {
  for (const [name, type] of Object.entries({
    uint8: 2,
    int8: 3,
    uint16: 4,
    int16: 5,
    int32: 6,
    uint4: 21,
    int4: 22,
  })) {
    it(name, async () => {
      for (const zero of type === 6 ? [false] : [true, false]) {
        await compare([3, 5], type, [], {}, zero);
        await compare([3, 5], type, [5], {}, zero);
        await compare([3, 5], type, [3], { axis: 0 }, zero);
        await compare([3, 5], type, [5], { axis: -1 }, zero);
        if (type === 6) continue;
        await compare([4, 6], type, [2, 6], { axis: 0, block_size: 2 }, zero);
        await compare([3, 7], type, [3, 3], { axis: 1, block_size: 3 }, zero);
      }
    });
  }

  it("the operator of com.microsoft", () => compare([3, 5], 3, [5], { axis: 1 }, true, "com.microsoft"));
});

describe("scales that fit nothing are refused", () => {
  it("with both shapes", async () => {
    const file = (scale: readonly number[], attributes: Record<string, number> = {}) =>
      onnxFile({
        inputs: { x: [2, 3] },
        outputs: { y: [2, 3] },
        nodes: [
          { op: "DequantizeLinear", inputs: ["q", "s"], outputs: ["d"], attributes },
          { op: "Add", inputs: ["x", "d"], outputs: ["y"] },
        ],
        tensors: [
          { name: "q", type: 3, dims: [2, 3], raw: new Uint8Array(6) },
          { name: "s", type: 1, dims: scale, raw: new Uint8Array(4 * scale.reduce((a, b) => a * b, 1)) },
        ],
      });
    await expect(loadModel(file([2]))).rejects.toThrow(
      'DequantizeLinear "d": the scale of a value 2×3 must be one number or 3 of them (axis 1), it is 2.',
    );
    await expect(loadModel(file([2, 3], { block_size: 2 }))).rejects.toThrow("must be 2×2 (blocks of 2), it is 2×3");
  });
});

describeShared("a network with 8-bit weights", () => {
  const pixel = (c: number, h: number, w: number): number =>
    ((17 * w + 31 * h + 71 * c + 23 * ((w >> 2) ^ (h >> 2))) % 256) / 255;
  const picture = Tensor.fromNCHW(
    Float32Array.from({ length: 3 * 256 }, (_, i) => pixel(Math.floor(i / 256), Math.floor(i / 16) % 16, i % 16)),
    [1, 3, 16, 16],
  );

  it("runs as a float network, in low memory too", async () => {
    const expected = readSharedJson<Record<string, number[]>>("cases/int8-weights/expected.json")["model.onnx"];
    for (const [memory, digits] of [
      ["fast", 5],
      ["low", 2],
    ] as const) {
      const { output } = await (await loadModel(readShared("cases/int8-weights/model.onnx"), { memory })).run(picture);
      expected.forEach((value, i) => {
        expect(output.data[i]).toBeCloseTo(value, digits);
      });
    }
  });

  it("computes with quantised activations as onnxruntime does", async () => {
    const expected = readSharedJson<Record<string, number[]>>("cases/int8-weights/expected.json")["qdq.onnx"];
    const model = await loadModel(readShared("cases/int8-weights/qdq.onnx"));
    const { output } = await model.run(picture);
    expected.forEach((value, i) => {
      expect(output.data[i]).toBeCloseTo(value, 5);
    });
    expect(model.notes.map(({ code }) => code)).toContain("quantised");
  });
});

describeShared("networks in other forms", () => {
  for (const name of ["bfloat16_all", "unet_convt_opset23", "qdq_weight_only"]) {
    it(name, async () => {
      const [input] = Object.values(
        readSharedJson<{ inputs: Record<string, number[]> }>(`models/modern/${name}.json`).inputs,
      );
      const file = readShared(`models/modern/${name}.onnx`);
      const values = (path: string) => new Float32Array(readShared(`models/modern/${name}.${path}.bin`).slice().buffer);
      const { output } = await (await loadModel(file)).run(
        Tensor.fromNCHW(values("in0"), input as [number, number, number, number]),
      );
      const expected =
        name === "qdq_weight_only"
          ? Float32Array.from(
              Object.values(await runReference(file, { x: floats(input, values("in0")) }))[0].data,
              Number,
            )
          : values("out");
      const found = output.shape.length === 4 ? output.toNCHW() : output.data;
      const largest = Math.max(...expected.map(Math.abs));
      const apart = Math.max(...expected.map((value, i) => Math.abs(value - found[i])));
      expect(apart / largest).toBeLessThan(2e-5);
    });
  }
});
