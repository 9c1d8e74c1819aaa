import { describe, expect, it } from "vitest";
import { checkOptions } from "../src/checks";
import { suggest } from "../src/nearest";
import { Tensor } from "../src/tensor";

describe("a suggestion", () => {
  it.each([
    ["tagret", "target"],
    ["kat", "cat"],
    ["dgo", "dog"],
    ["gradCam", "grad-cam"],
    ["GRAD_CAM", "grad-cam"],
    ["steps", "nSteps"],
    ["lables", "labels"],
    ["conv5", "features.conv5"],
    ["relu66", "relu6"],
    ["cat", "tabby cat"],
  ])("for %s is %s", (name, near) => {
    expect(suggest(name, ["zebra crossing", near, "xyz"])).toBe(` Did you mean "${near}"?`);
  });

  it("is the nearest of several, and nothing where none is near", () => {
    expect(suggest("relu5", ["relu6x", "relu55", "relu51x"])).toBe(' Did you mean "relu55"?');
    expect(suggest("cat", ["catamaran", "tabby cat", "cat food"])).toBe(' Did you mean "cat food"?');
    for (const name of ["foo", "", "x", "oat", "completely different"]) {
      expect(suggest(name, ["lrp", "cam", "boat", "rise", "grad-cam", "target"])).toBe(
        name === "oat" ? ' Did you mean "boat"?' : "",
      );
    }
    expect(suggest("foo", [])).toBe("");
  });
});

describe("options", () => {
  const check = (options: unknown, known: readonly string[] = ["target", "layer", "seed"]) =>
    expect(() => checkOptions("gradCam", options, known));

  it("that are known, undefined or absent are taken", () => {
    for (const options of [
      undefined,
      {},
      { target: "dog" },
      { tagret: undefined },
      { layer: undefined },
      Object.assign(Object.create(null), { seed: 1 }),
    ]) {
      check(options).not.toThrow();
    }
  });

  it("that are not known are refused with the nearest name, whatever they are called", () => {
    check({ tagret: "dog" }).toThrow(
      'gradCam has no option "tagret". Did you mean "target"? It takes target, layer, seed.',
    );
    check({ foo: 1 }).toThrow('gradCam has no option "foo". It takes target, layer, seed.');
    check({ foo: 1 }, []).toThrow('gradCam has no option "foo". It takes none.');
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      check(JSON.parse(`{ "${name}": { "target": 1 } }`)).toThrow(`gradCam has no option "${name}"`);
    }
  });

  it("that are something else are refused by what they are", () => {
    const data = new Uint8Array(12);
    const cases: readonly (readonly [unknown, string])[] = [
      ["dog", 'gradCam takes its options as an object, got "dog": pass { target: "dog" }.'],
      [3, "got 3: pass { target: 3 }."],
      [null, "got null."],
      [true, "got boolean."],
      [["dog"], "got a list of 1."],
      [() => 1, "got a function."],
      [Promise.resolve({}), "got a promise: await it first."],
      [new Tensor(new Float32Array(12), [1, 2, 2, 3]), "got a Tensor 1×2×2×3."],
      [{ data, width: 2, height: 2 }, "got an image 2×2."],
      [{ data: new Float32Array(4), width: 2, height: 2, signed: false }, "got a heatmap 2×2."],
      [{ predict: 1, layers: [], dispose: 1 }, "got a model."],
      [{ values: 1, recipe: {} }, "got an attribution."],
      [{ dims: [1, 3], data, type: "float32" }, "new Tensor(it.data, it.dims)"],
      [{ dataSync: 1, shape: [1] }, "got a TensorFlow.js tensor"],
      [data, "got a Uint8Array."],
    ];
    for (const [options, message] of cases) {
      check(options).toThrow(message);
      check(options).toThrow(expect.objectContaining({ name: "OptionError" }));
    }
    check("dog", ["sign"]).toThrow('takes its options as an object, got "dog".');
  });
});
