import { beforeAll, expect, it } from "vitest";
import {
  type Attribution,
  cam,
  gradCam,
  guidedBackprop,
  guidedGradCam,
  heatmap,
  inputXGradient,
  integratedGradients,
  layerCam,
  loadModel,
  type Model,
  maximizeActivation,
  noiseTunnel,
  occlusion,
  saliency,
  smoothGrad,
  type Tensor,
} from "../../src/index";
import { describeShared, sharedPath } from "../shared-folder";
import { type ActivationEntry, Golden } from "./goldens";
import { expectClose, tolerances } from "./tolerances";

interface Case {
  readonly folder: string;
  readonly file: string;
  /** Golden layer names and the tensors of the file they stand for. */
  readonly layers: Readonly<Record<string, string>>;
  readonly window: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly gradient: keyof typeof tolerances;
  readonly guided: keyof typeof tolerances;
  readonly hasCam: boolean;
  /** Parameters of the gradient-ascent golden; its start is a table of codes times the scale. */
  readonly ascent: { readonly scale: number; readonly l2: number; readonly stepSize: number };
}

const squeezeNet = {
  file: "models/squeezenet1.0-dc-imagenet.onnx",
  layers: { fire9: "/fire9/Concat_output_0", conv_final: "/conv_final_relu/Relu_output_0" },
  window: [32, 32],
  stride: [16, 16],
  gradient: "gradientFlips",
  guided: "guidedFlips",
  hasCam: true,
  ascent: { scale: 10, l2: 1e-6, stepSize: 50 },
} as const;
const resNet = {
  file: "models/resnet20-cifar10-bn.onnx",
  layers: { layer3: "/layer3/layer3.2/relu2/Relu_output_0", layer2: "/layer2/layer2.2/relu2/Relu_output_0" },
  window: [8, 8],
  stride: [4, 4],
  gradient: "gradient",
  guided: "gradient",
  hasCam: true,
  ascent: { scale: 0.25, l2: 1e-3, stepSize: 0.5 },
} as const;

const cases: readonly Case[] = [
  { folder: "squeezenet1.0/chickadee", ...squeezeNet },
  { folder: "squeezenet1.0/pets", ...squeezeNet },
  { folder: "resnet20/cat", ...resNet },
  { folder: "resnet20/poodle", ...resNet },
  {
    folder: "lenet5/mnist_nine",
    file: "models/lenet5-mnist.onnx",
    layers: { relu3: "/convnet/relu3/Relu_output_0", relu1: "/convnet/relu1/Relu_output_0" },
    window: [8, 8],
    stride: [4, 4],
    gradient: "gradient",
    guided: "gradient",
    hasCam: false,
    ascent: { scale: 0.1, l2: 1e-3, stepSize: 0.2 },
  },
];

/** Compares an activation with what the reference recorded of it: some elements, mean and norm. */
function expectActivation(tensor: Tensor, { onnx, shape, first, mid, mean, l2, min, max }: ActivationEntry): void {
  const values = tensor.shape.length === 4 ? tensor.toNCHW() : tensor.data;
  const size = shape.reduce((a, b) => a * b, 1);
  expect(values.length, onnx).toBe(size);
  const scale = Math.max(Math.abs(max), Math.abs(min), 1e-6);
  const half = Math.floor(size / 2);
  const recorded = [...first.map((value, i) => [i, value]), ...mid.map((value, i) => [half + i, value])];
  for (const [i, value] of recorded) {
    expect(Math.abs(values[i] - value) / scale, `${onnx}[${i}]`).toBeLessThan(tolerances.activation.max);
  }
  const sum = values.reduce((a, b) => a + b, 0);
  expect(Math.abs(sum / size - mean) / scale, `mean of ${onnx}`).toBeLessThan(tolerances.activation.l2);
  const norm = Math.sqrt(values.reduce((a, b) => a + b * b, 0));
  expect(Math.abs(norm - l2) / l2, `norm of ${onnx}`).toBeLessThan(tolerances.activation.l2);
}

for (const { folder, file, layers, window, stride, gradient, guided, hasCam, ascent } of cases) {
  describeShared(`${folder} against the references`, () => {
    let golden: Golden;
    let model: Model;
    let input: Tensor;
    let target: number;
    beforeAll(async () => {
      golden = new Golden(folder);
      model = await loadModel(sharedPath(file));
      input = golden.input();
      target = golden.manifest.target;
    });

    const nchw = (attribution: Attribution): Float32Array => attribution.values.toNCHW();

    it("logits", async () => {
      const { output } = await model.run(input);
      expectClose(output.data, golden.get("logits"), "activation");
      const [best] = await model.predict(input, { top: 1 });
      expect(best.index).toBe(target);
    });

    it("every intermediate activation", async () => {
      const entries = golden.manifest.activations;
      expect(entries.length).toBeGreaterThan(5);
      const { activations } = await model.run(input, { capture: entries.map(({ onnx }) => onnx) });
      for (const entry of entries) expectActivation(activations.get(entry.onnx) as Tensor, entry);
    });

    it("saliency", async () => {
      expectClose(nchw(await saliency(model, input, { target })), golden.get("saliency"), gradient);
    });

    it("input × gradient", async () => {
      expectClose(nchw(await inputXGradient(model, input, { target })), golden.get("inputxgradient"), gradient);
    });

    it("guided backprop", async () => {
      expectClose(nchw(await guidedBackprop(model, input, { target })), golden.get("guided_backprop"), guided);
    });

    it("SmoothGrad of the same noise, and a noise tunnel over saliency bit for bit", async () => {
      const { samples, stdev, noise } = golden.noise();
      const options = { target, samples, stdev, noise };
      const { values } = await smoothGrad(model, input, options);
      expectClose(values.toNCHW(), golden.get("smoothgrad"), "path");
      expect((await noiseTunnel(saliency, options)(model, input, { target })).values).toEqual(values);
    });

    it("guided Grad-CAM: the product of its two references", async () => {
      const [name, layer] = Object.entries(layers)[0];
      const { values } = await guidedGradCam(model, input, { target, layer });
      const [, height, width, channels] = values.shape;
      const map = golden.get(`gradcam.captum.${name}`);
      const side = Math.sqrt(map.length);
      const product = golden.get("guided_backprop").map((value, i) => {
        const [y, x] = [Math.floor(i / width) % height, i % width];
        return value * Math.max(map[Math.floor((y * side) / height) * side + Math.floor((x * side) / width)], 0);
      });
      expect(product.length).toBe(width * height * channels);
      expectClose(values.toNCHW(), product, guided);
    });

    it("integrated gradients and their completeness", async () => {
      const attribution = await integratedGradients(model, input, { target });
      expectClose(nchw(attribution), golden.get("integrated_gradients"), "path");
      const [delta] = golden.get("integrated_gradients.delta");
      const scale = Math.abs(attribution.target.score);
      expect(Math.abs((attribution.convergenceDelta as number) - delta) / scale).toBeLessThan(1e-3);
    });

    for (const [layer, onnx] of Object.entries(layers)) {
      it(`Grad-CAM at ${layer}: raw values and final map`, async () => {
        const attribution = await gradCam(model, input, { target, layer: onnx });
        expectClose(attribution.values.data, golden.get(`gradcam.captum.${layer}`), "rawMap");
        expectClose(attribution.values.data, golden.get(`gradcam.pgc.${layer}.raw`), "rawMap");
        expectClose(heatmap(attribution).data, golden.get(`gradcam.pgc.${layer}`), "finalMap");
        // Joining one layer is what pytorch-grad-cam does too, for every map it returns.
        const joined = await gradCam(model, input, { target, layers: [onnx] });
        expectClose(heatmap(joined).data, golden.get(`gradcam.pgc.${layer}`), "finalMap");
      });

      it(`LayerCAM at ${layer}: raw values and final map`, async () => {
        const attribution = await layerCam(model, input, { target, layer: onnx });
        expectClose(attribution.values.data, golden.get(`layercam.pgc.${layer}.raw`), "rawMap");
        expectClose(heatmap(attribution).data, golden.get(`layercam.pgc.${layer}`), "finalMap");
      });
    }

    const camTest = async (): Promise<void> => {
      const attribution = await cam(model, input, { target });
      expectClose(attribution.values.data, golden.get("cam"), "rawMap");
      expect(Math.abs(attribution.convergenceDelta as number)).toBeLessThan(1e-4);
    };
    if (hasCam) it("CAM, whose mean plus bias is the logit", camTest);

    it("gradient ascent: five steps and the objective at each", async () => {
      const { scale, l2, stepSize } = ascent;
      const start = golden.ascentStart(scale);
      const { image, objective } = await maximizeActivation(model, { target, start, steps: 5, stepSize, l2 });
      expectClose(image.toNCHW(), golden.get("gradient_ascent.x5"), "ascent");
      expectClose(Float32Array.from(objective), golden.get("gradient_ascent.J"), "ascentObjective");
    });

    it("occlusion", async () => {
      const attribution = await occlusion(model, input, { target, window, stride });
      const pixels = golden.get("occlusion");
      const channels = attribution.values.shape[3];
      for (let channel = 0; channel < channels; channel++) {
        const values = Float32Array.from(pixels, (_, pixel) => attribution.values.data[pixel * channels + channel]);
        expectClose(values, pixels, "occlusion");
      }
    });
  });
}

describeShared("selfie segmenter against the references", () => {
  let golden: Golden;
  let model: Model;
  beforeAll(async () => {
    golden = new Golden("selfie-segmentation/admiral");
    model = await loadModel(sharedPath("models/mediapipe-selfie-segmentation-256.onnx"), { output: "mask" });
  });

  it("mask", async () => {
    const { output } = await model.run(golden.input());
    expectClose(output.toNCHW(), golden.get("mask"), "activation");
  });

  it("every intermediate activation", async () => {
    const entries = golden.manifest.activations;
    const { activations } = await model.run(golden.input(), { capture: entries.map(({ onnx }) => onnx) });
    for (const entry of entries) expectActivation(activations.get(entry.onnx) as Tensor, entry);
  });

  it("saliency of the mean of the mask", async () => {
    const mask = new Uint8Array(256 * 256).fill(1);
    const attribution = await saliency(model, golden.input(), { target: { mask, channel: 0 } });
    expect(attribution.target.score).toBeCloseTo(golden.get("scalar")[0], 5);
    expectClose(attribution.values.toNCHW(), golden.get("saliency"), "segmenterGradient");
  });
});
