import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  gradCam,
  type LoadOptions,
  loadModel,
  type Model,
  OptionError,
  occlusion,
  saliency,
  Tensor,
  topActivations,
  UnsupportedRuntimeError,
} from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import * as slim from "../../src/slim";
import { hasFusedKernels } from "../../src/wasm/instantiate";
import { fusedBytes, hostFuses, unfused } from "./host";

const petshop = readFileSync("models/petshop.onnx");
const plainBytes = readFileSync("build/kernels.wasm");
const picture = {
  width: 96,
  height: 96,
  data: Uint8Array.from({ length: 96 * 96 * 3 }, (_, i) => (i * 7919) % 251),
};
const load = (options?: LoadOptions): Promise<Model> => loadModel(petshop, options);
const codes = (model: Model): string[] => model.notes.map(({ code }) => code);

describe("plain arithmetic", () => {
  it("is the default, and said by the model and its recipes", async () => {
    const [model, asked] = [await load(), await load({ arithmetic: "plain" })];
    expect([model.arithmetic, asked.arithmetic]).toEqual(["plain", "plain"]);
    expect(hasFusedKernels(loaded(model).parts.module)).toBe(false);
    const { values, recipe } = await gradCam(model, picture);
    expect(recipe.arithmetic).toBe("plain");
    expect((await gradCam(asked, picture)).values.data).toEqual(values.data);
    expect(codes(model)).not.toContain("plain-arithmetic");
  });

  it("is not what a black box has", async () => {
    const box = async ({ shape }: Tensor) => new Float32Array(shape[0]).fill(1);
    const { recipe } = await occlusion(box, new Tensor(new Float32Array(64), [1, 8, 8, 1]), {
      target: 0,
      window: [4, 4],
    });
    expect("arithmetic" in recipe).toBe(false);
  });
});

describe("an arithmetic that there is not", () => {
  it.each(["Fused", "fast", "", 1, {}])("%j is refused", async (arithmetic) => {
    const loading = load({ arithmetic: arithmetic as never });
    await expect(loading).rejects.toThrow(OptionError);
    await expect(loading).rejects.toThrow(/^arithmetic .* is none of plain, fused, fastest/);
  });
});

describe("kernels of the other kind are refused", () => {
  it("the plain ones where the fused are asked for", async () => {
    const loading = load({ arithmetic: "fused", wasm: plainBytes });
    await expect(loading).rejects.toThrow(OptionError);
    await expect(loading).rejects.toThrow(/option wasm has the plain kernels.*seethrough\/kernels-fused\.wasm/);
  });

  it("where an entry carries none, they are asked for", async () => {
    const loading = slim.loadModel(petshop, { arithmetic: "fused" } as never);
    await expect(loading).rejects.toThrow(/carries no kernels with fused arithmetic.*kernels-fused\.wasm/);
  });

  it("'fastest' takes the plain ones that it is given", async () => {
    const wasm = new WebAssembly.Module(plainBytes);
    const model = await slim.loadModel(petshop, { arithmetic: "fastest", wasm });
    expect([model.arithmetic, loaded(model).parts.module]).toEqual(["plain", wasm]);
    expect(codes(model)).toContain("plain-arithmetic");
  });
});

describe("a host that compiles relaxed SIMD and rounds twice", () => {
  it("is refused, and 'fastest' takes plain arithmetic", async () => {
    const wasm = { fused: unfused };
    const loading = load({ arithmetic: "fused", wasm });
    await expect(loading).rejects.toThrow(UnsupportedRuntimeError);
    await expect(loading).rejects.toThrow(/rounds products before it adds them.*arithmetic: 'plain'.*'fastest'/);
    const model = await load({ arithmetic: "fastest", wasm });
    expect(model.arithmetic).toBe("plain");
    expect(model.notes.find(({ code }) => code === "plain-arithmetic")?.message).toMatch(/rounds products before/);
    expect((await gradCam(model, picture)).values.data).toEqual((await gradCam(await load(), picture)).values.data);
  });
});

describe("a host that compiles nothing", () => {
  afterEach(() => vi.restoreAllMocks());

  it("is told which file to bring along", async () => {
    vi.spyOn(WebAssembly, "compile").mockRejectedValue(
      new WebAssembly.CompileError("Wasm code generation disallowed by embedder"),
    );
    await expect(load({ arithmetic: "fused", wasm: { fused: fusedBytes } })).rejects.toThrow(
      /disallowed by embedder.*import 'seethrough\/kernels-fused\.wasm' and pass it as \{ wasm \}/,
    );
  });
});

describe.runIf(!hostFuses)("this host, which does not fuse,", () => {
  it("refuses fused arithmetic, and says what has it", async () => {
    const loading = load({ arithmetic: "fused" });
    await expect(loading).rejects.toThrow(UnsupportedRuntimeError);
    await expect(loading).rejects.toThrow(/relaxed SIMD: Node 21, Chrome 114, Firefox 145.*arithmetic: 'plain'/);
  });

  it("takes plain arithmetic as the fastest, and says so", async () => {
    const model = await load({ arithmetic: "fastest" });
    expect(model.arithmetic).toBe("plain");
    expect(codes(model)).toEqual(["plain-arithmetic"]);
    const { values, recipe, notes } = await saliency(model, picture);
    expect(values.data).toEqual((await saliency(await load(), picture)).values.data);
    expect(recipe.arithmetic).toBe("plain");
    expect(notes.map(({ code }) => code)).toContain("plain-arithmetic");
  });
});

describe.runIf(hostFuses)("this host, which fuses,", () => {
  it.each(["fused", "fastest"] as const)("runs the fused kernels for '%s'", async (arithmetic) => {
    const model = await load({ arithmetic });
    expect(model.arithmetic).toBe("fused");
    expect(hasFusedKernels(loaded(model).parts.module)).toBe(true);
    expect(codes(model)).toEqual([]);
    const { values, recipe } = await saliency(model, picture);
    expect(recipe.arithmetic).toBe("fused");
    // Other bits, and nearly the same numbers.
    const { data } = (await saliency(await load(), picture)).values;
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const apart = values.data.reduce((most, value, i) => Math.max(most, Math.abs(value - data[i])), 0);
    expect(apart).toBeGreaterThan(0);
    expect(apart / largest).toBeLessThan(1e-5);
    // The recipe repeats them.
    const again = await load({ arithmetic: recipe.arithmetic });
    expect((await saliency(again, picture, recipe.options)).values.data).toEqual(values.data);
  });

  it("takes them from elsewhere, alone or beside the plain ones", async () => {
    for (const wasm of [fusedBytes, { fused: fusedBytes, plain: plainBytes }]) {
      expect((await slim.loadModel(petshop, { arithmetic: "fused", wasm })).arithmetic).toBe("fused");
      expect((await slim.loadModel(petshop, { arithmetic: "fastest", wasm })).arithmetic).toBe("fused");
    }
    const plain = await slim.loadModel(petshop, { wasm: { fused: fusedBytes, plain: plainBytes } });
    expect(plain.arithmetic).toBe("plain");
  });

  it("refuses them where plain arithmetic is asked for", async () => {
    await expect(load({ wasm: fusedBytes })).rejects.toThrow(/fused arithmetic: pass \{ arithmetic: 'fused' \}/);
  });
});

describe.runIf(hostFuses)("searches", () => {
  const images = [{ id: "one", image: picture }];

  it("of one arithmetic are not continued with another", async () => {
    const layer = "relu4";
    const found = await topActivations(await load(), images, { layer });
    const fused = await topActivations(await load({ arithmetic: "fused" }), images, { layer });
    expect("arithmetic" in found.search).toBe(false);
    expect(fused.search.arithmetic).toBe("fused");
    expect(() => slim.mergeTopActivations(found, fused)).toThrow(
      /its arithmetic is "fused".*Fused sums round otherwise/,
    );
  });
});
