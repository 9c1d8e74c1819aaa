import { describe, expect, it } from "vitest";
import { Random } from "../../bench/networks/builder";
import { networks } from "../../bench/networks/index";
import { decodeImage, type LoadOptions, loadModel, occlusion, saliency, Tensor } from "../../src/index";
import { difference } from "../reference/goldens";
import { describeShared, readShared, sharedPath } from "../shared-folder";
import { hostFuses } from "./host";

/** Largest difference of an output over its largest value; measured up to 2.4e-6 (VGG-16, whose sums are the longest). */
const tolerance = 5e-6;

const both = async (bytes: Uint8Array, options?: LoadOptions) => [
  await loadModel(bytes, { ...options, arithmetic: "plain" }),
  await loadModel(bytes, { ...options, arithmetic: "fused" }),
];

describe.runIf(hostFuses)("fused and plain arithmetic agree on", () => {
  const names = ["mobilenet-v2", "squeezenet", "shufflenet-v2", "efficientnet-b0", "resnet-18", "resnet-50"];
  it.each(names)("%s", async (name) => {
    const [plain, fused] = await both(networks[name].build());
    const x = Tensor.fromNCHW(new Random(1).uniform(3 * 224 * 224, -2, 2), [1, 3, 224, 224]);
    const [a, b] = [(await plain.run(x)).output.data, (await fused.run(x)).output.data];
    const { max } = difference(b, a);
    console.log(`${name}: ${max.toExponential(1)} of the largest output`);
    expect(max).toBeGreaterThan(0);
    expect(max).toBeLessThan(tolerance);
    // Rectifiers that are decided otherwise by rounding move a gradient by more.
    const [u, v] = [await saliency(plain, x, { target: 1 }), await saliency(fused, x, { target: 1 })];
    expect(difference(v.values.data, u.values.data).l2).toBeLessThan(2e-2);
    for (const model of [plain, fused]) model.dispose();
  });

  it("low memory", async () => {
    const [plain, fused] = await both(networks.squeezenet.build(), { memory: "low" });
    const x = Tensor.fromNCHW(new Random(1).uniform(3 * 224 * 224, -2, 2), [1, 3, 224, 224]);
    const { max } = difference((await fused.run(x)).output.data, (await plain.run(x)).output.data);
    expect(max).toBeLessThan(tolerance);
  });
});

describe.runIf(hostFuses)("one pixel has one value, wherever it lies in the work:", () => {
  it("a pass gives the bits of a batch, and occlusion by parts those of whole passes", async () => {
    const model = await loadModel(undefined, { arithmetic: "fused" });
    const data = new Random(3).uniform(96 * 96 * 3, 0, 1);
    const x = new Tensor(data, [1, 96, 96, 3]);
    const options = { target: 1, window: [23, 31], stride: [17, 13] } as const;
    const whole = await occlusion(model, x, { ...options, engine: "full", batchSize: 1 });
    const batched = await occlusion(model, x, { ...options, engine: "full", batchSize: 5 });
    expect(batched.values.data).toEqual(whole.values.data);
    const parts = await occlusion(model, x, { ...options, engine: "incremental" });
    expect(difference(parts.values.data, whole.values.data).max).toBeLessThan(1e-4);
  });
});

if (hostFuses) {
  describeShared("fused and plain arithmetic agree on the trained", () => {
    it.each([
      ["mobilenet-v2-1.0-224-imagenet", { mean: [0.5], std: [0.5] }],
      ["squeezenet1.0-dc-imagenet", { range: [0, 255], mean: [123, 117, 104] }],
      ["resnet20-cifar10-bn", { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }],
    ] as const)("%s", async (name, preprocess) => {
      const [plain, fused] = await both(readShared(`models/${name}.onnx`), { preprocess });
      const photo = await decodeImage(sharedPath("images/cat.png"));
      const [a, b] = [(await plain.run(photo)).output.data, (await fused.run(photo)).output.data];
      const { max } = difference(b, a);
      console.log(`${name}: ${max.toExponential(1)} of the largest output`);
      expect(max).toBeLessThan(tolerance);
      const [[first], [same]] = [await plain.predict(photo, { top: 1 }), await fused.predict(photo, { top: 1 })];
      expect(same.index).toBe(first.index);
    });
  });
}
