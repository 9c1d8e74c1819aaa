/** A reader of text lines (convolutions, then an LSTM both ways) against onnxruntime, differences, and every kind of method. */
import * as ort from "onnxruntime-node";
import { expect, it } from "vitest";
import {
  gradCam,
  inputXGradient,
  inspect,
  integratedGradients,
  lime,
  loadModel,
  occlusion,
  rise,
  saliency,
  type Target,
  Tensor,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const file = "models/modern/crnn_lstm.onnx";
const shape = [1, 32, 64, 1];
const input = (): Float32Array => new Float32Array(readShared("models/modern/crnn_lstm.in0.bin").buffer);

describeShared("a network with an LSTM", () => {
  it("gives onnxruntime's values, for every sample of a batch the same bits", async () => {
    const data = input();
    const session = await ort.InferenceSession.create(sharedPath(file));
    const [name] = session.outputNames;
    const { [name]: expected } = await session.run({
      [session.inputNames[0]]: new ort.Tensor("float32", data, [1, 1, 32, 64]),
    });
    using model = await loadModel(sharedPath(file));
    const own = loaded(model);
    const three = new Float32Array(data.length * 3);
    const other = data.map((value) => -value);
    for (const [i, sample] of [data, other, data].entries()) three.set(sample, i * data.length);
    const output = own.valueOf(name);
    const outputOf = async (given: Float32Array, count: number): Promise<Float32Array> =>
      (await own.watchedPass({ data: given, batch: count, keep: [output] }, undefined)).values.get(
        output,
      ) as Float32Array;
    const [batch, alone] = [await outputOf(three, 3), await outputOf(data, 1)];
    const largest = Math.max(...(expected.data as Float32Array).map(Math.abs));
    const worst = alone.reduce((most, value, i) => Math.max(most, Math.abs(value - Number(expected.data[i]))), 0);
    expect(alone.length).toBe(expected.data.length);
    expect(worst / largest).toBeLessThan(2e-5);
    expect(batch.subarray(0, alone.length)).toEqual(alone);
    expect(batch.subarray(2 * alone.length)).toEqual(alone);
  });

  it("sends gradients back through time, as differences say", async () => {
    using model = await loadModel(sharedPath(file));
    const own = loaded(model);
    const output = own.valueOf(model.output.name);
    const data = input();
    const runAt = async (x: Float32Array): Promise<Float32Array> =>
      (await own.watchedPass({ data: x, keep: [output] }, undefined)).values.get(output) as Float32Array;
    const weights = (await runAt(data)).map((_, i) => Math.sin(i * 1.7));
    const backward = {
      seed: output,
      wanted: [own.full.input],
      write: (gradient: Float32Array) => gradient.set(weights),
    };
    const { gradients } = await own.watchedPass({ data, backward }, undefined);
    const gradient = gradients.get(own.full.input) as Float32Array;
    const direction = data.map((_, i) => Math.cos(i * 0.37));
    // Small, so that few rectifiers turn on the way.
    const step = 2e-4;
    const scoreAt = async (by: number): Promise<number> =>
      (await runAt(data.map((value, i) => value + by * direction[i]))).reduce(
        (sum, value, i) => sum + value * weights[i],
        0,
      );
    const slope = ((await scoreAt(step)) - (await scoreAt(-step))) / (2 * step);
    const found = gradient.reduce((sum, value, i) => sum + value * direction[i], 0);
    const length = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
    expect(Math.abs(found - slope) / (length(gradient) * length(direction))).toBeLessThan(2e-3);
    expect(Math.abs(slope) / (length(gradient) * length(direction))).toBeGreaterThan(1e-2);
    expect(gradient.every(Number.isFinite)).toBe(true);
  });

  it("is explained by gradients, by covering and at a convolution", { timeout: 60_000 }, async () => {
    using model = await loadModel(sharedPath(file));
    const image = new Tensor(input(), shape);
    const target: Target = { position: 3, channel: 2 };
    const [layer] = inspect(model).camLayers;
    const attributions = [
      await saliency(model, image, { target }),
      await inputXGradient(model, image, { target }),
      await integratedGradients(model, image, { target, nSteps: 64 }),
      await occlusion(model, image, { target, window: 16, stride: 16 }),
      await rise(model, image, { target, masks: 8 }),
      await lime(model, image, { target, samples: 20 }),
      await gradCam(model, image, { target, layer: layer.layer }),
    ];
    for (const { method, values } of attributions) {
      expect(values.data.every(Number.isFinite), method).toBe(true);
      expect(
        values.data.some((value) => value !== 0),
        method,
      ).toBe(true);
    }
    expect(Math.abs(attributions[2].convergenceDelta ?? 1)).toBeLessThan(1e-3);
  });
});
