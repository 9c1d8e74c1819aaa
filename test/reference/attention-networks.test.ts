/** Every method on networks of attention: it runs and gives finite numbers. */
import { expect, it } from "vitest";
import {
  gradCam,
  inputXGradient,
  integratedGradients,
  lime,
  loadModel,
  lrp,
  occlusion,
  rise,
  saliency,
  smoothGrad,
  type Target,
  Tensor,
} from "../../src/index";
import { describeShared, readShared, sharedPath } from "../shared-folder";

const floats = (path: string): Float32Array => new Float32Array(readShared(path).buffer);

describeShared("methods on networks of attention", () => {
  for (const name of ["vit_small", "segformer", "mobilevit", "mlp_mixer", "detr"]) {
    it(name, { timeout: 120_000 }, async () => {
      using model = await loadModel(sharedPath(`models/modern/${name}.onnx`));
      const nchw = floats(`models/modern/${name}.in0.bin`);
      const pixels = 64 * 64;
      const values = Float32Array.from(nchw, (_, i) => nchw[(i % 3) * pixels + Math.floor(i / 3)]);
      const image = new Tensor(values, [1, 64, 64, 3]);
      const target: Target = name === "segformer" ? { position: [8, 4], channel: 4 } : "top";
      const attributions = [
        await saliency(model, image, { target }),
        await inputXGradient(model, image, { target }),
        await integratedGradients(model, image, { target, nSteps: 4 }),
        await smoothGrad(model, image, { target, samples: 2 }),
        await occlusion(model, image, { target, window: 32, stride: 32 }),
        await rise(model, image, { target, masks: 8 }),
        await lime(model, image, { target, samples: 20 }),
        await gradCam(model, image, { target }),
        await lrp(model, image, { target }),
      ];
      for (const { method, values: found } of attributions) {
        expect(found.data.every(Number.isFinite), method).toBe(true);
        expect(
          found.data.some((value) => value !== 0),
          method,
        ).toBe(true);
      }
    });
  }
});
