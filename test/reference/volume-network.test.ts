/** A classifier of volumes under every kind of method, and its pictures. */
import { expect, it } from "vitest";
import {
  fullGrad,
  gradCam,
  guidedBackprop,
  guidedGradCam,
  heatmap,
  inputXGradient,
  inspect,
  integratedGradients,
  kernelShap,
  layerCam,
  lime,
  loadModel,
  occlusion,
  rise,
  saliency,
  scoreCam,
  smoothGrad,
  Tensor,
} from "../../src/index";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const file = "models/modern/conv3d";

describeShared("a network of volumes", () => {
  it("is explained by every kind of method, and drawn slice below slice", { timeout: 120_000 }, async () => {
    using model = await loadModel(sharedPath(`${file}.onnx`));
    const volume = new Tensor(new Float32Array(readShared(`${file}.in0.bin`).buffer), [1, 1, 16, 16, 16]);
    const [{ layer, shape }] = inspect(model).camLayers;
    const [cam, layered] = [await gradCam(model, volume), await layerCam(model, volume)];
    for (const refused of [scoreCam(model, volume), fullGrad(model, volume), guidedGradCam(model, volume)]) {
      await expect(refused).rejects.toThrow(/enlarges maps as pictures, and the network takes volumes/);
    }
    const attributions = [
      await saliency(model, volume),
      await inputXGradient(model, volume),
      await guidedBackprop(model, volume),
      await integratedGradients(model, volume, { nSteps: 64 }),
      await smoothGrad(model, volume, { samples: 2 }),
      await occlusion(model, volume, { window: 8, stride: 8 }),
      await rise(model, volume, { masks: 8 }),
      await lime(model, volume, { samples: 20 }),
      await kernelShap(model, volume, { samples: 20 }),
    ];
    for (const { method, values, inputSize } of attributions) {
      expect(values.shape, method).toEqual([1, 1, 16, 16, 16]);
      expect(inputSize, method).toEqual({ width: 16, height: 256, depth: 16 });
    }
    for (const attribution of [...attributions, cam, layered]) {
      const { method, values } = attribution;
      expect(values.data.every(Number.isFinite), method).toBe(true);
      expect(
        values.data.some((value) => value !== 0),
        method,
      ).toBe(true);
      const all = heatmap(attribution);
      expect([all.width, all.height], method).toEqual([16, 256]);
      const slice = heatmap(attribution, { slice: 5 });
      expect([slice.width, slice.height], method).toEqual([16, 16]);
      expect(slice.data, method).toEqual(all.data.slice(5 * 256, 6 * 256));
    }
    expect(Math.abs(attributions[3].convergenceDelta ?? 1)).toBeLessThan(1e-3);
    expect(cam.values.shape.length, `${layer} ${shape}`).toBe(5);
    expect([cam.values.shape[0], cam.values.shape[4]]).toEqual([1, 1]);
    expect(() => heatmap(cam, { slice: 16 })).toThrow(/slice must be a whole number from 0 to 15/);
  });
});
