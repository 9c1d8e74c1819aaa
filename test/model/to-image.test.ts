import { expect, it } from "vitest";
import { decodeImage, encodePng, loadModel, type Preprocess, preprocess, Tensor, toImage } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf } from "../graph/build";

/** A network that hands its input on, so that only the input matters. */
const modelOf = (shape: readonly number[], settings: Preprocess = {}) =>
  loadModel(writeOnnx(graphOf({ inputs: { image: shape }, nodes: [["Relu", ["image"], ["same"]]] })), {
    preprocess: settings,
  });

/** Every byte once and more: a picture of 16×16 whose colours differ. */
const rgba = Uint8ClampedArray.from({ length: 16 * 16 * 4 }, (_, i) =>
  i % 4 === 3 ? 255 : ((i >> 2) * [1, 7, 13][i % 4]) & 255,
);

const settings: Preprocess[] = [
  {},
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { range: [0, 255], mean: [123, 117, 104], channels: "bgr" },
  { range: [-1, 1] },
  { mean: [0.5], std: [-0.25] },
];

it.each(settings)("undoes preprocess %j", async (options) => {
  using model = await modelOf([1, 3, 16, 16], options);
  const picture = { data: rgba, width: 16, height: 16 };
  const tensor = preprocess(picture, { width: 16, height: 16, channels: 3 }, options);
  const back = toImage(model, tensor);
  expect(back).toEqual(picture);
  expect((await decodeImage(await encodePng(back))).data).toHaveLength(rgba.length);
});

it("a grey network gives grey pictures; what no picture can have is cut off; any size will do", async () => {
  using model = await modelOf([1, 1, 4, 4], { mean: [0.5], std: [0.5] });
  const { data, width, height } = toImage(model, new Tensor(Float32Array.of(-1, 1, -7, 9, 0, 0.2), [1, 2, 3, 1]));
  expect([width, height]).toEqual([3, 2]);
  const greys = [0, 255, 0, 255, 128, 153];
  expect(Array.from(data)).toEqual(greys.flatMap((grey) => [grey, grey, grey, 255]));
});

it("says what is wrong", async () => {
  using model = await modelOf([1, 3, 4, 4]);
  const tensor = (...shape: number[]) => new Tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
  expect(() => toImage(model, tensor(1, 4, 4, 1))).toThrow(/takes a tensor \[1, H, W, 3\] .* got 1×4×4×1/);
  expect(() => toImage(model, tensor(2, 4, 4, 3))).toThrow(/got 2×4×4×3/);
  expect(() => toImage(model, undefined as never)).toThrow('[1, H, W, 3] of "test", got undefined.');
  expect(() => toImage(model, Promise.resolve() as never)).toThrow("got a promise: await it first.");
  expect(() => toImage(model, new Tensor(Float32Array.of(0, Number.NaN, 0), [1, 1, 1, 3]))).toThrow(
    /the value NaN at element 1/,
  );
  using signal = await modelOf([1, 2, 9]);
  expect(() => toImage(signal, tensor(1, 2, 9))).toThrow(/"image" of .* is 1×2×9: only inputs of 1 or 3 channels/);
});
