import { describe, expect, it } from "vitest";
import { type Detection, decodeImage, detect, inspect, loadModel, type Model, saliency, Tensor } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import { liteFile, type TensorSpec } from "./lite-file";
import { wave } from "./small-file";

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const value = (name: string, ...shape: number[]): TensorSpec => ({ name, shape });
const weights = (name: string, seed: number, ...shape: number[]): TensorSpec => ({
  ...{ name, shape },
  data: Float32Array.from(wave(sizeOf(shape), seed), (x) => 4 * x),
});
const integers = (name: string, ...numbers: number[]): TensorSpec => ({
  ...{ name, shape: [numbers.length], type: "int32" },
  data: Int32Array.from(numbers),
});

const pool = (from: string, to: string, size: number) => ({
  ...{ op: "AVERAGE_POOL_2D", inputs: [from], outputs: [to] },
  options: {
    ...{ 0: ["byte", 1], 1: ["int", size], 2: ["int", size], 3: ["int", size], 4: ["int", size] },
  } as const,
});
const conv = (from: string, name: string) => ({
  ...{ op: "CONV_2D", inputs: [from, `${name}.w`], outputs: [name] },
  options: { 0: ["byte", 1], 1: ["int", 1], 2: ["int", 1], 3: ["byte", 0], 4: ["int", 1], 5: ["int", 1] } as const,
});
const rows = (name: string, shape: string) => ({ op: "RESHAPE", inputs: [name, shape], outputs: [`${name}.rows`] });
const joined = (a: string, b: string, to: string) => ({
  ...{ op: "CONCATENATION", inputs: [a, b], outputs: [to] },
  options: { 0: ["int", 1] } as const,
});

/** MediaPipe's places at 128×128, channels last as its files are: two priors each of 8 pixels, six of 16. */
const faces = (): Uint8Array =>
  liteFile({
    tensors: [
      ...[value("image", 1, 128, 128, 3), value("p8", 1, 16, 16, 3), value("p16", 1, 8, 8, 3)],
      ...[weights("b8.w", 1, 32, 1, 1, 3), weights("b16.w", 2, 96, 1, 1, 3)],
      ...[weights("s8.w", 3, 2, 1, 1, 3), weights("s16.w", 4, 6, 1, 1, 3)],
      ...[value("b8", 1, 16, 16, 32), value("b16", 1, 8, 8, 96), value("s8", 1, 16, 16, 2), value("s16", 1, 8, 8, 6)],
      ...[integers("fine16", 1, 512, 16), integers("coarse16", 1, 384, 16)],
      ...[integers("fine1", 1, 512, 1), integers("coarse1", 1, 384, 1)],
      ...[value("b8.rows", 1, 512, 16), value("b16.rows", 1, 384, 16)],
      ...[value("s8.rows", 1, 512, 1), value("s16.rows", 1, 384, 1)],
      ...[value("regressors", 1, 896, 16), value("classificators", 1, 896, 1)],
    ],
    operators: [
      ...[pool("image", "p8", 8), pool("p8", "p16", 2)],
      ...[conv("p8", "b8"), conv("p16", "b16"), conv("p8", "s8"), conv("p16", "s16")],
      ...[rows("b8", "fine16"), rows("b16", "coarse16"), rows("s8", "fine1"), rows("s16", "coarse1")],
      ...[joined("b8.rows", "b16.rows", "regressors"), joined("s8.rows", "s16.rows", "classificators")],
    ],
    ...{ inputs: ["image"], outputs: ["regressors", "classificators"] },
  });

const picture = new Tensor(
  Float32Array.from({ length: 128 * 128 * 3 }, (_, i) => Math.sin(i * 0.0013) * Math.cos((i % 384) * 0.03)),
  [1, 128, 128, 3],
);

/** The face of a candidate by its definition: offsets in pixels from the centre of its place, and a size in pixels. */
async function plainFace(model: Model, x: Tensor, { anchor: candidate }: Detection) {
  const { activations } = await model.run(x, { capture: ["regressors", "classificators"] });
  const [boxes, scores] = [activations.get("regressors"), activations.get("classificators")];
  expect([boxes?.shape, scores?.shape]).toEqual([
    [1, 896, 16],
    [1, 896, 1],
  ]);
  const [dx, dy, width, height] = (boxes as Tensor).data.subarray(candidate * 16, candidate * 16 + 4);
  const fine = candidate < 512;
  const [place, side, stride] = fine ? [candidate >> 1, 16, 8] : [Math.floor((candidate - 512) / 6), 8, 16];
  const centre = [((place % side) + 0.5) * stride + dx, (Math.floor(place / side) + 0.5) * stride + dy];
  return {
    box: { x: centre[0] - width / 2, y: centre[1] - height / 2, width, height },
    score: 1 / (1 + Math.exp(-(scores as Tensor).data[candidate])),
  };
}

async function expectPlain(model: Model, x: Tensor, found: readonly Detection[]): Promise<void> {
  for (const face of found) {
    const plain = await plainFace(model, x, face);
    expect(face.score).toBeCloseTo(plain.score, 5);
    for (const side of ["x", "y", "width", "height"] as const) expect(face.box[side]).toBeCloseTo(plain.box[side], 2);
  }
}

describe("a detector in TensorFlow Lite", () => {
  it("has its lists as the file writes them, and is recognised", async () => {
    const model = await loadModel(faces());
    expect(inspect(model).output).toMatchObject({ name: "regressors", shape: [1, 896, 16] });
    const found = await detect(model, picture, { threshold: 0.3, iou: 1, top: 20 });
    expect(found).toHaveLength(20);
    await expectPlain(model, picture, found);
    const [{ anchor }] = found;
    const { values, target } = await saliency(model, picture, { target: { detection: found[0] } });
    expect(values.data.some((each) => each !== 0)).toBe(true);
    const { activations } = await model.run(picture, { capture: ["classificators"] });
    expect(target.score).toBeCloseTo(activations.get("classificators")?.data[anchor] as number, 4);
  });

  it("of a network for signals a list keeps channels first, as signals have them", async () => {
    const file = liteFile({
      tensors: [value("x", 1, 6, 4), value("y", 1, 6, 4)],
      operators: [{ op: "RELU", inputs: ["x"], outputs: ["y"] }],
      ...{ inputs: ["x"], outputs: ["y"] },
    });
    const model = await loadModel(file);
    expect((await model.run(new Tensor(new Float32Array(24), [...model.input.shape]))).output.shape).toHaveLength(3);
  });
});

describeShared("MediaPipe's face detector as it is deployed", () => {
  it("finds the face of the photographer", async () => {
    const model = await loadModel(readShared("models/deployed/face_detection_short_range.tflite"), {
      preprocess: { range: [-1, 1], fit: "pad" },
    });
    const found = await detect(model, await decodeImage(readShared("images/camera.png")), { threshold: 0.6 });
    expect(found).toHaveLength(1);
    const { box, keypoints } = found[0];
    expect(box.x).toBeCloseTo(87, -1);
    expect(box.y).toBeCloseTo(60, -1);
    expect(keypoints).toHaveLength(6);
  });
});
