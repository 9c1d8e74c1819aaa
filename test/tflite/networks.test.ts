import { describe, expect, it } from "vitest";
import { gradCam, inspect, loadModel, saliency, Tensor } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import { liteFile } from "./lite-file";
import { smallLiteFile } from "./small-file";

const picture = (height: number, width: number): Tensor =>
  new Tensor(
    Float32Array.from({ length: height * width * 3 }, (_, i) => 0.5 + 0.5 * Math.sin(i * 0.013 + (i % 3))),
    [1, height, width, 3],
  );

function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(error / size);
}

describe("a network of TensorFlow Lite", () => {
  it("is loaded from bytes, a Blob and files by name, and has the names of its tensors", async () => {
    const bytes = smallLiteFile("float");
    const model = await loadModel(bytes);
    expect(model.input).toEqual({ name: "image", shape: [1, 6, 6, 3] });
    const names = model.layers.map(({ name }) => name);
    expect(names.filter((name) => !name.startsWith("row/"))).toEqual([
      ...["features/Conv", "features", "pooled", "row", "logits", "scores"],
    ]);
    const { activations } = await model.run(picture(6, 6), { capture: ["features", "logits"] });
    expect(activations.get("features")?.shape).toEqual([1, 6, 6, 4]);
    expect(activations.get("logits")?.shape).toEqual([1, 3]);
    expect((await gradCam(model, picture(6, 6), { target: 1, layer: "features" })).values.shape).toEqual([1, 6, 6, 1]);
    const before = await model.predict(picture(6, 6));
    for (const source of [new Blob([bytes]), { "net.tflite": bytes, "labels.txt": new Uint8Array(3) }]) {
      expect(await (await loadModel(source)).predict(picture(6, 6))).toEqual(before);
    }
    expect(inspect(model).classes).toEqual({ count: 3, axis: 1 });
  });

  it("takes the size that the file leaves open", async () => {
    const spec = (signature: readonly number[]) =>
      liteFile({
        tensors: [
          { name: "x", shape: [1, 1, 1, 3], signature },
          { name: "y", shape: [1, 1, 1, 3], signature },
        ],
        operators: [{ op: "RELU", inputs: ["x"], outputs: ["y"] }],
        ...{ inputs: ["x"], outputs: ["y"] },
      });
    const open = spec([-1, -1, -1, 3]);
    await expect(loadModel(open)).rejects.toThrow(/Input "x": the file leaves axes 1 and 2 .* open/);
    expect((await loadModel(open, { inputShape: [1, 5, 7, 3] })).input.shape).toEqual([1, 5, 7, 3]);
  });

  it.each([
    ["first", ["classes", "raw"], "classes"],
    ["last", ["raw", "classes"], "raw"],
  ] as const)("is without what picks among its results: %s output", async (_, outputs, explained) => {
    const file = liteFile({
      tensors: [
        { name: "x", shape: [1, 4, 4, 3] },
        { name: "raw", shape: [1, 4, 4, 3] },
        { name: "axis", shape: [], type: "int32", data: Int32Array.of(3) },
        { name: "best", shape: [1, 4, 4], type: "int64" },
        { name: "classes", shape: [1, 4, 4, 1], type: "int64" },
      ],
      operators: [
        { op: "LOGISTIC", inputs: ["x"], outputs: ["raw"] },
        { op: "ARG_MAX", inputs: ["raw", "axis"], outputs: ["best"] },
        { op: "EXPAND_DIMS", inputs: ["best", "axis"], outputs: ["classes"] },
      ],
      ...{ inputs: ["x"], outputs },
    });
    const model = await loadModel(file);
    expect(model.notes.find(({ code }) => code === "post-processing-cut")?.message).toMatch(
      /^The file ends in ARG_MAX, .* the outputs are what it reads, "raw"\.$/,
    );
    expect(model.layers.map(({ op }) => op)).toEqual(["Sigmoid"]);
    expect(explained).not.toBe("");
  });

  it("has scores first where a detection's post-processing was cut off", async () => {
    const file = liteFile({
      tensors: [
        { name: "x", shape: [1, 4, 4, 3] },
        { name: "boxes", shape: [1, 4, 4, 3] },
        { name: "scores", shape: [1, 4, 4, 3] },
        { name: "anchors", shape: [16, 4], data: new Float32Array(64) },
        { name: "out", shape: [1, 10, 4] },
      ],
      operators: [
        { op: "NEG", inputs: ["x"], outputs: ["boxes"] },
        { op: "LOGISTIC", inputs: ["x"], outputs: ["scores"] },
        {
          ...{ op: "TFLite_Detection_PostProcess", inputs: ["boxes", "scores", "anchors"], outputs: ["out"] },
          custom: new Uint8Array(8),
        },
      ],
      ...{ inputs: ["x"], outputs: ["out"] },
    });
    const { notes } = await loadModel(file);
    expect(notes.find(({ code }) => code === "post-processing-cut")?.message).toMatch(/"scores", "boxes"/);
  });
});

describeShared("networks as others deploy them", () => {
  it("MediaPipe's selfie segmenter gives the mask and the saliency of its ONNX conversion", async () => {
    const lite = await loadModel(readShared("models/deployed/selfie_segmentation.tflite"));
    const onnx = await loadModel(readShared("models/mediapipe-selfie-segmentation-256.onnx"));
    const x = picture(256, 256);
    const [a, b] = await Promise.all([lite.run(x), onnx.run(x)]);
    expect(a.output.shape).toEqual([1, 256, 256, 1]);
    expect(relativeError(a.output.data, b.output.data)).toBeLessThan(1e-5);
    const [s, t] = [await saliency(lite, x), await saliency(onnx, x)];
    expect(relativeError(s.values.data, t.values.data)).toBeLessThan(1e-3);
  }, 60_000);

  it.each([
    ["resnet8-cifar10-float", [1, 32, 32, 3], 10],
    ["vww-96-float", [1, 96, 96, 3], 2],
    ["face_detection_short_range", [1, 128, 128, 3], undefined],
  ] as const)("%s runs and is explained", async (name, shape, classes) => {
    const model = await loadModel(readShared(`models/deployed/${name}.tflite`));
    expect(model.input.shape).toEqual(shape);
    if (classes !== undefined) expect(inspect(model).classes?.count).toBe(classes);
    const { output } = await model.run(picture(shape[1], shape[2]));
    expect(output.data.every(Number.isFinite)).toBe(true);
  });
});
