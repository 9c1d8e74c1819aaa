import { describe, expect, it } from "vitest";
import {
  type Attribution,
  boundingBox,
  deepLift,
  explain,
  gradCam,
  heatmap,
  type Input,
  InputError,
  inspect,
  integratedGradients,
  kernelShap,
  loadModel,
  type MethodName,
  type Model,
  maximizeActivation,
  methodNames,
  noiseTunnel,
  OptionError,
  occlusion,
  overlay,
  projectActivation,
  randomizationTest,
  receptiveField,
  ShapeError,
  saliency,
  showReport,
  smoothGrad,
  Tensor,
  topActivations,
} from "../../../src/index";
import { floats, runReference } from "../../graph/build";
import { age, fileOf, filled, mask, photo, photoAndAge, photoAndMask } from "./networks";

const withAge = { photo, age };
const withMask = { photo, mask };
const picture = (width: number, height: number) => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256),
  width,
  height,
});
const sum = (attribution: Attribution): number =>
  Object.values(attribution.byInput).reduce((all, { data }) => all + data.reduce((a, b) => a + b, 0), 0);
const scoreOf = async (model: Model, input: Input, target: number): Promise<number> =>
  (await model.run(input)).output.data[target];

it("repeats occlusion by its recipe where one input is covered incrementally, and the other by whole passes", async () => {
  const model = await loadModel(fileOf(photoAndAge));
  const found = await occlusion(model, withAge);
  const { engine, ...options } = found.recipe.options;
  expect(engine).toEqual({ photo: "incremental", age: "full" });
  const again = await occlusion(model, withAge, { ...options, engine: engine as { photo: "incremental" } });
  expect(again.byInput.photo.data).toEqual(found.byInput.photo.data);
  expect(again.byInput.age.data).toEqual(found.byInput.age.data);
  expect(again.recipe).toEqual(found.recipe);
});

describe("what a network is given", () => {
  it("is every input by name, Tensor or picture, and answers as onnxruntime does", async () => {
    const model = await loadModel(fileOf(photoAndAge));
    expect(model.inputs).toEqual([
      { name: "photo", shape: [1, 12, 10, 3] },
      { name: "age", shape: [1, 5] },
    ]);
    expect(model.input).toEqual({ name: "photo", shape: [1, 12, 10, 3] });
    expect(model.layers.map(({ op }) => op)).toEqual(photoAndAge.nodes.map(({ op }) => op));
    const { y } = await runReference(photoAndAge, {
      photo: floats([1, 3, 12, 10], photo.toNCHW()),
      age: floats([1, 5], age.data),
    });
    const { output, activations } = await model.run(withAge, { capture: ["age", "r"] });
    for (const [i, value] of output.data.entries()) expect(value).toBeCloseTo(Number(y.data[i]), 5);
    expect(activations.get("age")?.data).toEqual(age.data);
    expect(await model.predict({ age, photo: picture(20, 24) })).toHaveLength(3);
    expect(model.preprocess(picture(20, 24)).shape).toEqual([1, 12, 10, 3]);
    expect(() => model.preprocess(picture(20, 24), { input: "agee" })).toThrow('no input "agee". Did you mean "age"?');
  });

  it("is refused where one is missing, unknown or alone, with both ways out", async () => {
    const model = await loadModel(fileOf(photoAndAge));
    const ways =
      "Give all of them by name, { photo: …, age: … }, or fix those that are not to be explained: loadModel(source, { inputs: { age: { value: … } } }).";
    const refusals: [Input, string][] = [
      [photo, `The network has 2 inputs, "photo" (1×12×10×3), "age" (1×5), and got a Tensor 1×12×10×3. ${ways}`],
      [{ photo }, `The network has 2 inputs, "photo" (1×12×10×3), "age" (1×5); "age" is missing. ${ways}`],
      [{ photo, agee: age }, 'The network has no input "agee". Did you mean "age"? Its inputs are "photo"'],
    ];
    for (const [input, message] of refusals) {
      await expect(model.predict(input)).rejects.toThrow(message);
      await expect(saliency(model, input)).rejects.toThrow(InputError);
    }
    await expect(model.run({ photo, age: mask })).rejects.toThrow(ShapeError);
    const alone = await loadModel(fileOf(photoAndAge), { inputs: { age: { value: age } } });
    await expect(alone.run({ age })).rejects.toThrow('The network has no input "age".');
  });

  it("may be fixed: a Tensor, numbers, one number or a picture", async () => {
    const both = await loadModel(fileOf(photoAndAge));
    const expected = (await both.run(withAge)).output.data;
    for (const value of [age, Array.from(age.data), age.data]) {
      const model = await loadModel(fileOf(photoAndAge), { inputs: { age: { value } } });
      expect(model.inputs.map(({ name }) => name)).toEqual(["photo"]);
      expect(model.layers.map(({ name }) => name)).not.toContain("m");
      const found = (await model.run(photo)).output.data;
      for (const [i, each] of found.entries()) expect(each).toBeCloseTo(expected[i], 5);
    }
    const zeros = await loadModel(fileOf(photoAndAge), { inputs: { age: { value: 0 } } });
    expect((await zeros.run(photo)).output.data[0]).toBeCloseTo(
      (await both.run({ photo, age: filled([1, 5], () => 0) })).output.data[0],
      5,
    );
    const seen = await loadModel(fileOf(photoAndAge), { inputs: { photo: { value: picture(20, 24) } } });
    expect((await seen.run(age)).output.data[1]).toBeCloseTo(
      (await both.run({ photo: picture(20, 24), age })).output.data[1],
      5,
    );
    const load = (inputs: object) => loadModel(fileOf(photoAndAge), { inputs } as never);
    await expect(load({ agee: { value: 0 } })).rejects.toThrow('no input "agee". Did you mean "age"?');
    await expect(load({ age: { value: [1, 2] } })).rejects.toThrow("has 2 numbers; the input 1×5 takes 5");
    await expect(load({ age: { value: "x" } })).rejects.toThrow(OptionError);
    await expect(load({ age: { valeu: 0 } })).rejects.toThrow(
      'inputs["age"] has no option "valeu". Did you mean "value"?',
    );
    await expect(load({ age: { value: Number.NaN } })).rejects.toThrow("every value must be finite");
    await expect(load({ age: { value: 0 }, photo: { value: 0 } })).rejects.toThrow("nothing is left to explain");
  });
});

describe("attributions", () => {
  it("sum to what all inputs together change of the score", async () => {
    for (const [graph, given] of [
      [photoAndAge, withAge],
      [photoAndMask, withMask],
    ] as const) {
      const model = await loadModel(fileOf(graph));
      const input = given as Input;
      const [first, second] = Object.entries(given);
      const empty = Object.fromEntries(
        Object.entries(given).map(([name, { shape }]) => [name, filled(shape, () => 0)]),
      );
      const partly = { ...empty, [second[0]]: filled(second[1].shape, () => 0.25) };
      const score = await scoreOf(model, input, 1);
      for (const [baseline, from] of [
        ["zero", empty],
        [{ [first[0]]: "zero", [second[0]]: 0.25 }, partly],
      ] as const) {
        const difference = score - (await scoreOf(model, from, 1));
        const lifted = await deepLift(model, input, { target: 1, baseline });
        expect(sum(lifted)).toBeCloseTo(difference, 4);
        const path = await integratedGradients(model, input, { target: 1, baseline, nSteps: 200 });
        expect(sum(path)).toBeCloseTo(difference, 2);
        expect(path.convergenceDelta).toBeCloseTo(sum(path) - difference, 4);
      }
    }
  });

  it("name every input, say where its picture lies, and are JSON", async () => {
    const model = await loadModel(fileOf(photoAndMask));
    const [large, small] = [picture(40, 24), picture(10, 30)];
    const found = await saliency(model, { photo: large, mask: small }, { target: 0 });
    expect(Object.keys(found.byInput)).toEqual(["photo", "mask"]);
    expect(found.values).toBe(found.byInput.photo);
    expect(found.byInput.mask.shape).toEqual([1, 12, 10, 1]);
    expect(found.placement?.picture).toEqual({ width: 40, height: 24 });
    expect(found.placements?.mask.picture).toEqual({ width: 10, height: 30 });
    const read = JSON.parse(JSON.stringify(found));
    expect(read.byInput.mask.data).toEqual(Array.from(found.byInput.mask.data));
    expect(overlay(large, found).width).toBe(40);
    expect(overlay(small, found, { input: "mask" }).height).toBe(30);
    expect(() => overlay(small, found)).toThrow(OptionError);
    const ofMask = heatmap(found, { input: "mask" });
    expect(ofMask.data).not.toEqual(heatmap(found).data);
    expect(heatmap(found, { input: "photo" })).toEqual(heatmap(found));
    expect(boundingBox(found, { input: "mask" })).toBeDefined();
    expect(() => heatmap(found, { input: "msk" })).toThrow('no input "msk". Did you mean "mask"?');
    expect(await found.toDataURL(large)).toContain("data:image/png");
  });

  it("of one input have it by name too, where JSON does not see it", async () => {
    const model = await loadModel(fileOf(photoAndAge), { inputs: { age: { value: age } } });
    const found = await saliency(model, { photo });
    expect(found.byInput.photo).toBe(found.values);
    expect(Object.keys(found)).not.toContain("byInput");
    expect((await saliency(model, photo)).values.data).toEqual(found.values.data);
  });

  it("come from every method, repeat to the bit by their recipe, and say which is of what input", async () => {
    const model = await loadModel(fileOf(photoAndMask));
    const few = { masks: 20, samples: 12, nSteps: 4 };
    for (const method of methodNames as readonly MethodName[]) {
      // A product of two computed values is no gate: these two say so, whoever the factors come from.
      if (method === "cam" || method === "lrp" || method === "excitation-backprop") continue;
      const found = await explain(model, withMask, { method, target: 1, ...few });
      expect(Object.keys(found.byInput), method).toEqual(["photo", "mask"]);
      expect(found.byInput.mask.data.every(Number.isFinite), method).toBe(true);
      const { recipe } = found;
      const again = await explain(model, withMask, { ...recipe.options, method, seed: recipe.seed });
      for (const name of ["photo", "mask"]) expect(again.byInput[name].data, method).toEqual(found.byInput[name].data);
    }
    await explain(model, withMask, { method: "cam" });
  });

  it("of a picture beside a vector come from every method that can look at both", async () => {
    const model = await loadModel(fileOf(photoAndAge));
    for (const method of methodNames as readonly MethodName[]) {
      if (method === "cam") continue;
      const found = await explain(model, withAge, { method, target: 1, masks: 20, samples: 12, nSteps: 4 });
      expect(found.byInput.photo, method).toBeDefined();
      expect(heatmap(found).width, method).toBe(10);
    }
    const noisy = await noiseTunnel(saliency, { samples: 3 })(model, withAge, { target: 1 });
    const smooth = await smoothGrad(model, withAge, { target: 1, samples: 3 });
    for (const name of ["photo", "age"]) expect(noisy.byInput[name].data).toEqual(smooth.byInput[name].data);
    expect(Object.keys(smooth.recipe.options.stdev as object)).toEqual(["photo", "age"]);
    await expect(deepLift(model, withAge, { baseline: "blur" })).rejects.toThrow('{ age: "zero", … }');
    await expect(deepLift(model, withAge, { baseline: { fhoto: 0 } })).rejects.toThrow('Did you mean "photo"?');
    await expect(deepLift(model, withAge, { baseline: photo })).rejects.toThrow("give one for each by name");
  });

  it("that change one input leave the others as they are: what occlusion says is what covering does", async () => {
    for (const engine of ["incremental", "full"] as const) {
      const model = await loadModel(fileOf(photoAndMask));
      const plain = await scoreOf(model, withMask, 1);
      const found = await occlusion(model, withMask, {
        target: 1,
        window: { photo: [4, 5], mask: 2 },
        stride: { photo: [4, 5], mask: 2 },
        engine,
      });
      for (const [name, height, width] of [
        ["photo", 4, 5],
        ["mask", 2, 2],
      ] as const) {
        const whole = withMask[name];
        const [, h, w, c] = whole.shape;
        for (const [top, left] of [
          [0, 0],
          [h - height, w - width],
          [4, 0],
        ]) {
          const data = whole.data.slice();
          for (let y = top; y < top + height; y++) data.fill(0, (y * w + left) * c, (y * w + left + width) * c);
          const covered = await scoreOf(model, { ...withMask, [name]: new Tensor(data, whole.shape) }, 1);
          expect(found.byInput[name].data[(top * w + left) * c], `${engine} ${name}`).toBeCloseTo(plain - covered, 5);
        }
      }
    }
    const model = await loadModel(fileOf(photoAndAge));
    const { byInput } = await occlusion(model, withAge, { target: 2, window: [4, 5] });
    const plain = await scoreOf(model, withAge, 2);
    for (let i = 0; i < 5; i++) {
      const data = age.data.slice();
      data[i] = 0;
      const drop = plain - (await scoreOf(model, { photo, age: new Tensor(data, [1, 5]) }, 2));
      expect(byInput.age.data[i]).toBeCloseTo(drop, 5);
    }
    const shapley = await kernelShap(model, withAge, { target: 2 });
    const without = await scoreOf(model, { photo, age: filled([1, 5], () => 0) }, 2);
    expect(shapley.byInput.age.data.reduce((a, b) => a + b, 0)).toBeCloseTo(plain - without, 4);
  });
});

describe("inside a network with several inputs", () => {
  it("each layer stands at the inputs that it sees", async () => {
    const model = await loadModel(fileOf(photoAndMask));
    const found = await gradCam(model, withMask, { target: 0, layer: "r" });
    expect(Object.keys(found.byInput)).toEqual(["photo", "mask"]);
    const beside = await loadModel(fileOf(photoAndAge));
    const map = await gradCam(beside, withAge, { target: 0 });
    expect(Object.keys(map.byInput)).toEqual(["photo"]);
    const { byInput, image } = await projectActivation(beside, withAge, { layer: "mr" });
    expect(image).toBe(byInput.age);
    expect(byInput.photo.data.every((value) => value === 0)).toBe(true);
    const field = { position: [2, 2], unit: 0 } as const;
    expect(receptiveField(beside, "c", field)).toEqual({ x: 3, y: 3, width: 3, height: 3 });
    expect(receptiveField(model, "c", { ...field, input: "mask" })).toEqual({ x: 1, y: 1, width: 3, height: 3 });
    const report = inspect(model);
    expect(report.inputs.map(({ name }) => name)).toEqual(["photo", "mask"]);
    expect(showReport(report)).toContain('inputs "photo" 1×12×10×3, "mask" 1×12×10×1, output');
    const { stages } = await randomizationTest(model, withMask, saliency, { target: 0 });
    expect(stages.length).toBeGreaterThan(0);
  });

  it("what looks at one input is refused by name, with the way out", async () => {
    const model = await loadModel(fileOf(photoAndAge));
    const way =
      'takes networks with one input, and this one has 2: "photo" (1×12×10×3), "age" (1×5). Fix the others: loadModel(source, { inputs: { age: { value: … } } }).';
    await expect(topActivations(model, [], { layer: "c" })).rejects.toThrow(`topActivations ${way}`);
    await expect(maximizeActivation(model, { target: 0 })).rejects.toThrow(`maximizeActivation ${way}`);
    const fixed = await loadModel(fileOf(photoAndAge), { inputs: { age: { value: age } } });
    expect((await topActivations(fixed, [{ id: "a", image: photo }], { layer: "c", top: 1 })).units.length).toBe(6);
  });
});
