import { expect, it } from "vitest";
import {
  deepLift,
  inputXGradient,
  integratedGradients,
  loadModel,
  occlusion,
  saliency,
  Tensor,
} from "../../../src/index";
import { describeShared, readShared, readSharedJson } from "../../shared-folder";

const folder = "models/modern/siamese";
const numbers = (name: string): Float32Array => new Float32Array(readShared(`${folder}.${name}.bin`).slice().buffer);
const picture = (name: string): Tensor => Tensor.fromNCHW(numbers(name), [1, 3, 64, 64]);
const inputs = () => ({ a: picture("in0"), b: picture("in1") });

const distance = (found: ArrayLike<number>, expected: ArrayLike<number>): number => {
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (found[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference / size);
};

describeShared("a siamese network, exported by PyTorch", () => {
  it("answers and has the gradients of both pictures as in float64", async () => {
    const model = await loadModel(readShared(`${folder}.onnx`));
    expect(model.inputs).toEqual([
      { name: "a", shape: [1, 64, 64, 3] },
      { name: "b", shape: [1, 64, 64, 3] },
    ]);
    const { flat, value } = readSharedJson<{ flat: number; value: number }>(`${folder}.json`);
    const { output } = await model.run(inputs());
    const [out] = numbers("out");
    expect(Math.abs(output.data[0] - out)).toBeLessThan(2e-5 * Math.abs(out));
    const { byInput, values, target } = await saliency(model, inputs(), { target: flat });
    expect(target.score).toBeCloseTo(value, 5);
    expect(values).toBe(byInput.a);
    for (const [name, reference] of [
      ["a", "grad0"],
      ["b", "grad1"],
    ] as const) {
      expect(distance(byInput[name].toNCHW(), numbers(reference)), name).toBeLessThan(1e-4);
    }
  });

  it("gives everything that the two pictures change of the score", async () => {
    const model = await loadModel(readShared(`${folder}.onnx`));
    const plain = (await model.run(inputs())).output.data[0];
    const zero = new Tensor(new Float32Array(64 * 64 * 3), [1, 64, 64, 3]);
    const nothing = (await model.run({ a: zero, b: zero })).output.data[0];
    for (const method of [integratedGradients, deepLift]) {
      const { byInput, convergenceDelta } = await method(model, inputs(), {
        target: 0,
        ...(method === integratedGradients && { nSteps: 300 }),
      });
      const sum = Object.values(byInput).reduce((all, { data }) => all + data.reduce((a, b) => a + b, 0), 0);
      expect(Math.abs(sum - (plain - nothing) - (convergenceDelta as number)), method.name).toBeLessThan(1e-5);
      expect(Math.abs(convergenceDelta as number), method.name).toBeLessThan(method === deepLift ? 1e-5 : 2e-3);
    }
  });

  it("is an ordinary network where one picture is fixed", async () => {
    const both = await loadModel(readShared(`${folder}.onnx`));
    const one = await loadModel(readShared(`${folder}.onnx`), { inputs: { b: { value: picture("in1") } } });
    expect(one.inputs.map(({ name }) => name)).toEqual(["a"]);
    expect(one.layers.length).toBeLessThan(both.layers.length * 0.6);
    const { output } = await one.run(picture("in0"));
    expect(output.data[0]).toBeCloseTo((await both.run(inputs())).output.data[0], 6);
    const alone = await inputXGradient(one, { a: picture("in0") }, { target: 0 });
    const together = await inputXGradient(both, inputs(), { target: 0 });
    expect(distance(alone.values.data, together.byInput.a.data)).toBeLessThan(1e-5);
    expect(Object.keys(alone.byInput)).toEqual(["a"]);
  });

  it("follows patches over one picture through its own tower", async () => {
    const model = await loadModel(readShared(`${folder}.onnx`));
    const patches = { target: 0, window: 16, stride: 16 } as const;
    const found = await occlusion(model, inputs(), patches);
    const whole = await occlusion(model, inputs(), { ...patches, engine: "full" });
    expect(found.recipe.options.engine).toBe("incremental");
    for (const name of ["a", "b"]) {
      expect(distance(found.byInput[name].data, whole.byInput[name].data), name).toBeLessThan(1e-4);
    }
  });
});
