import { describe, expect, it } from "vitest";
import { InputError, OptionError } from "../../src/errors";
import { Tensor } from "../../src/tensor";
import { colormapTable } from "../../src/view/colormap";
import { type Heatmap, heatmap } from "../../src/view/heatmap";
import { heatmapImage, overlay, sideBySide } from "../../src/view/overlay";
import { describeShared, readShared, readSharedJson } from "../shared-folder";

const source = (method: string, values: readonly number[], shape: readonly number[], side = 2) => ({
  method,
  values: new Tensor(Float32Array.from(values), shape),
  inputSize: { width: side, height: side },
});

describe("heatmap families", () => {
  it("a CAM on the input's own grid is still scaled as a CAM", () => {
    const { data } = heatmap(source("grad-cam", [1, 2, 3, 5], [1, 2, 2, 1]));
    // (x − 1) / (1e-7 + 4), twice
    expect(Array.from(data)).toEqual([0, 0.25, 0.5, 1].map((value) => expect.closeTo(value, 5)));
  });

  it("a gradient at a layer keeps its zero: no minimum is taken off", () => {
    const { data, signed } = heatmap(source("saliency", [-4, 2, 1, 1, 2, 2, 3, 0], [1, 2, 2, 2], 4));
    expect(signed).toBe(false);
    expect(data[0]).toBe(1);
    expect(Math.min(...data)).toBeGreaterThan(0.2);
  });

  it("smooth-grad and guided-grad-cam are magnitudes, deep-lift and lrp are shares, unknown methods by their grid", () => {
    const signs = (method: string) => heatmap(source(method, [-1, 2, 0, 0], [1, 2, 2, 1])).signed;
    expect(["smooth-grad", "guided-grad-cam", "score-cam", "deep-lift", "lrp", "mine", "toString"].map(signs)).toEqual([
      ...[false, false, false],
      ...[true, true, true, true],
    ]);
    expect(heatmap(source("mine", [-1, 2, 0, 0], [1, 2, 2, 1], 4)).signed).toBe(false);
  });

  it("a percentile of a map that is mostly zero falls back to the maximum", () => {
    expect(Array.from(heatmap(source("occlusion", [0, 0, 0, 4], [1, 2, 2, 1]), { percentile: 50 }).data)).toEqual([
      0, 0, 0, 1,
    ]);
  });

  it("values that are not finite are refused, wrong options too", () => {
    expect(() => heatmap(source("lrp", [0, Number.NaN, 0, 0], [1, 2, 2, 1]))).toThrow(InputError);
    expect(() => heatmap(source("lrp", [0, Number.NaN, 0, 0], [1, 2, 2, 1]))).toThrow("number 1 is NaN");
    expect(() => heatmap(source("lrp", [0, 1, 0, 0], [1, 2, 2, 1]), { channels: "mean" as never })).toThrow(
      OptionError,
    );
  });
});

/** Largest difference allowed between final 0..1 maps: goldens are float64, ours float32; see ../shared/models/README.md. */
const finalMap = 1e-4;

describeShared("pytorch-grad-cam's own post-processing", () => {
  interface Manifest {
    readonly tensors: readonly { readonly name: string; readonly file: string; readonly shape: readonly number[] }[];
  }
  const cases = [
    ["squeezenet1.0/chickadee", ["fire9", "conv_final"]],
    ["squeezenet1.0/pets", ["fire9", "conv_final"]],
    ["resnet20/cat", ["layer2", "layer3"]],
    ["resnet20/poodle", ["layer2", "layer3"]],
    ["lenet5/mnist_nine", ["relu1", "relu3"]],
  ] as const;
  for (const [folder, layers] of cases) {
    for (const name of layers.flatMap((layer) => [`gradcam.pgc.${layer}`, `layercam.pgc.${layer}`])) {
      it(`${folder} ${name}`, () => {
        const { tensors } = readSharedJson<Manifest>(`goldens/${folder}/manifest.json`);
        const read = (tensor: string) => {
          const entry = tensors.find((candidate) => candidate.name === tensor);
          if (!entry) throw new Error(`${folder} has no ${tensor}`);
          const data = new Float32Array(readShared(`goldens/${folder}/${entry.file}`).slice().buffer);
          return { data, size: entry.shape.slice(-2) };
        };
        const raw = read(`${name}.raw`);
        const golden = read(name);
        const [height, width] = golden.size;
        const method = name.startsWith("grad") ? "grad-cam" : "layer-cam";
        const values = new Tensor(raw.data, [1, ...raw.size, 1]);
        const map = heatmap({ method, values, inputSize: { width, height } });
        // A map without positive evidence is zero everywhere; any other one reaches 1.
        const top = Math.max(...golden.data);
        expect(raw.data.some((value) => value > 0) ? top > 0.99 : top === 0).toBe(true);
        expect(map.data.length).toBe(golden.data.length);
        const worst = map.data.reduce((most, value, i) => Math.max(most, Math.abs(value - golden.data[i])), 0);
        expect(worst).toBeLessThan(finalMap);
      });
    }
  }
});

describe("overlay", () => {
  const map = (data: readonly number[], signed = false): Heatmap => ({
    data: Float32Array.from(data),
    width: data.length,
    height: 1,
    signed,
  });
  const grey = (width: number) => ({ data: new Uint8Array(width).fill(100), width, height: 1 });

  it("an unsigned map in diverging colours has zero in the middle", () => {
    const table = colormapTable("red-blue");
    const { data } = heatmapImage(map([0, 1]), { colormap: "red-blue" });
    expect(Math.min(...data.slice(0, 3))).toBeGreaterThan(235);
    expect(Array.from(data.slice(4, 7))).toEqual(Array.from(table.slice(-3)));
  });

  it("signed: blue speaks against, red for, zero shows the picture", () => {
    const { data } = overlay(grey(3), map([-1, 0, 1], true), { opacity: 1 });
    expect(data[2]).toBeGreaterThan(data[0] + 50);
    expect(Array.from(data.slice(4, 8))).toEqual([100, 100, 100, 255]);
    expect(data[8]).toBeGreaterThan(data[10] + 50);
  });

  it("the threshold leaves weak places alone", () => {
    const { data } = overlay(grey(2), map([0.4, 1]), { threshold: 0.5 });
    expect(Array.from(data.slice(0, 3))).toEqual([100, 100, 100]);
    expect(Array.from(data.slice(4, 7))).not.toEqual([100, 100, 100]);
  });

  it("transparent pixels lie on white, as the network saw them", () => {
    const clear = { data: Uint8Array.of(0, 0, 0, 0), width: 1, height: 1 };
    expect(Array.from(overlay(clear, map([0])).data)).toEqual([255, 255, 255, 255]);
    expect(Array.from(sideBySide([clear]).data)).toEqual([255, 255, 255, 255]);
  });

  it("a gap has the colour asked for; wrong options are named", () => {
    const row = sideBySide([grey(1), grey(1)], { gap: 1, columns: 2, background: [1, 2, 3] });
    expect(Array.from(row.data.slice(4, 8))).toEqual([1, 2, 3, 255]);
    expect(() => sideBySide([grey(1)], { columns: 0 })).toThrow(/columns must be a whole number of at least 1/);
    expect(() => overlay(grey(1), map([1]), { threshold: 1 })).toThrow(/threshold must be at least 0 and below 1/);
    expect(() => overlay(grey(1), map([1]), { region: { x: 0, y: 0, width: 0, height: 1 } })).toThrow(/region needs/);
  });

  it("the table of viridis begins and ends as published", () => {
    const table = colormapTable("viridis");
    expect(Array.from(table.slice(0, 3))).toEqual([0x44, 0x01, 0x54]);
    expect(Array.from(table.slice(-3))).toEqual([0xfd, 0xe7, 0x25]);
  });
});
