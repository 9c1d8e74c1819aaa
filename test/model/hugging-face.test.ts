import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { loadModel, OptionError } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { writeOnnx } from "../../src/onnx/writer";
import { floats, graphOf } from "../graph/build";

/** A network of two classes whose picture may have any size. */
const bytes = writeOnnx(
  graphOf({
    inputs: { pixel_values: ["N", 3, "H", "W"] },
    constants: { w: floats([2, 3, 1, 1], [1, 0, 0, 0, 1, 0]) },
    nodes: [
      ["Conv", ["pixel_values", "w"], ["c"]],
      ["GlobalAveragePool", ["c"], ["g"]],
      ["Flatten", ["g"], ["y"]],
    ],
  }),
);
const config = {
  architectures: ["ResNetForImageClassification"],
  id2label: { "1": "dog", "0": "cat" },
  num_channels: 3,
};
const preprocessor = {
  do_normalize: true,
  do_resize: true,
  image_mean: [0.5, 0.4, 0.3],
  image_std: [0.2, 0.3, 0.4],
  size: { shortest_edge: 8 },
};
const partsOf = async (...args: Parameters<typeof loadModel>) => {
  const model = await loadModel(...args);
  return { ...loaded(model).parts, shape: model.input.shape };
};
const folder = mkdtempSync(join(tmpdir(), "seethrough-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("the configuration of Hugging Face", () => {
  it("gives labels, size, range, mean and std: as a pair, or as one object", async () => {
    for (const given of [
      { config, preprocessor },
      { ...config, ...preprocessor },
    ]) {
      const { labels, preprocess, shape, notes } = await partsOf(bytes, { config: given });
      expect(labels).toEqual(["cat", "dog"]);
      expect(preprocess).toEqual({
        range: [0, 1],
        mean: [0.5, 0.4, 0.3],
        std: [0.2, 0.3, 0.4],
        channels: "rgb",
        fit: "crop",
      });
      expect(notes.map(({ code }) => code)).not.toContain("normalisation-assumed");
      expect(shape).toEqual([1, 8, 8, 3]);
      expect(notes.map(({ code }) => code)).not.toContain("config-beside");
    }
  });

  it("normalises pixels as the library it is written for", async () => {
    const model = await loadModel(bytes, { config: { config, preprocessor } });
    const picture = { data: new Uint8Array(8 * 8 * 3).fill(51), width: 8, height: 8 };
    const { output } = await model.run(picture);
    [(0.2 - 0.5) / 0.2, (0.2 - 0.4) / 0.3].forEach((value, i) => {
      expect(output.data[i]).toBeCloseTo(value, 5);
    });
  });

  it.each([
    [{ size: 16, do_normalize: false, image_mean: [0.5] }, { range: [0, 1], channels: "rgb" }, 16],
    [{ do_rescale: false, size: { height: 6, width: 6 } }, { range: [0, 255], channels: "rgb", fit: "stretch" }, 6],
    [
      {
        rescale_factor: 1 / 127.5,
        rescale_offset: true,
        size: { shortest_edge: 20 },
        crop_size: { height: 10, width: 10 },
        do_center_crop: true,
      },
      { range: [-1, 1], channels: "rgb", fit: "crop" },
      10,
    ],
    [{ do_flip_channel_order: true, crop_size: 12, size: 14 }, { range: [0, 1], channels: "bgr" }, 12],
    [{ rescale_factor: 0.00392156862745098, size: [5, 5] }, { range: [0, 1], channels: "rgb" }, 5],
  ])("reads %j", async (given, expected, size) => {
    const { preprocess, shape } = await partsOf(bytes, { config: { preprocessor: given } });
    expect(preprocess).toEqual(expected);
    expect(shape).toEqual([1, size, size, 3]);
  });

  it("leaves the size open where only an edge is limited, and takes it from config.json", async () => {
    const open = { ...preprocessor, size: { shortest_edge: 800, longest_edge: 1333 } };
    await expect(loadModel(bytes, { config: { config, preprocessor: open } })).rejects.toThrow(/Pass inputShape/);
    const { shape } = await partsOf(bytes, { config: { config: { ...config, image_size: 9 }, preprocessor: open } });
    expect(shape).toEqual([1, 9, 9, 3]);
  });

  it("stands below the caller's own options", async () => {
    const { labels, preprocess, shape } = await partsOf(bytes, {
      config: { config, preprocessor },
      labels: ["a", "b"],
      preprocess: { mean: [0, 0, 0], range: [0, 1] },
      inputShape: [1, 3, 4, 4],
    });
    expect([labels, shape]).toEqual([
      ["a", "b"],
      [1, 4, 4, 3],
    ]);
    expect(preprocess).toMatchObject({ mean: [0, 0, 0], std: [0.2, 0.3, 0.4], range: [0, 1] });
  });

  it("is found beside the model, which a note says; other files of these names are no configuration", async () => {
    const path = join(folder, "model.onnx");
    writeFileSync(path, bytes);
    const json = (name: string, value: unknown) => writeFileSync(join(folder, name), JSON.stringify(value));
    json("config.json", config);
    json("preprocessor_config.json", preprocessor);
    const { labels, shape, notes } = await partsOf(path);
    expect([labels, shape]).toEqual([
      ["cat", "dog"],
      [1, 8, 8, 3],
    ]);
    expect(notes.find(({ code }) => code === "config-beside")?.message).toMatch(
      /the names of the classes and how pixels become numbers/,
    );
    const files = { "model.onnx": bytes, "config.json": new TextEncoder().encode(JSON.stringify(config)) };
    expect((await partsOf(files, { inputShape: [1, 3, 4, 4] })).labels).toEqual(["cat", "dog"]);

    for (const other of ["<!doctype html>", "[1]", '{"id2label": {"3": "x"}, "port": 80}', '{"id2label": 7}', "null"]) {
      writeFileSync(join(folder, "config.json"), other);
      expect((await partsOf(path)).labels, other).toBeUndefined();
    }
    rmSync(join(folder, "config.json"));
    rmSync(join(folder, "preprocessor_config.json"));
    await expect(loadModel(path)).rejects.toThrow(/Pass inputShape/);
  });

  it("is found above a folder onnx, as repositories lay it out, and nowhere else above", async () => {
    mkdirSync(join(folder, "repository", "onnx", "onnxes"), { recursive: true });
    writeFileSync(join(folder, "repository", "config.json"), JSON.stringify(config));
    const at = (...parts: string[]): string => {
      const path = join(folder, "repository", ...parts);
      writeFileSync(path, bytes);
      return path;
    };
    const inputShape = [1, 3, 4, 4];
    const path = at("onnx", "model.onnx");
    for (const source of [path, pathToFileURL(path)]) {
      const { labels, notes } = await partsOf(source, { inputShape });
      expect(labels).toEqual(["cat", "dog"]);
      expect(notes.map(({ code }) => code)).toContain("config-beside");
    }
    expect((await partsOf(at("onnx", "onnxes", "model.onnx"), { inputShape })).labels).toBeUndefined();
    writeFileSync(join(folder, "repository", "onnx", "config.json"), JSON.stringify({ id2label: ["one", "two"] }));
    expect((await partsOf(path, { inputShape })).labels).toEqual(["one", "two"]);
  });

  it("is left out with a note where a file beside the model cannot be what it says", async () => {
    const path = join(folder, "refused.onnx");
    writeFileSync(path, bytes);
    writeFileSync(join(folder, "config.json"), JSON.stringify({ id2label: { "0": "a", "2": "b" } }));
    const { labels, notes } = await partsOf(path, { inputShape: [1, 3, 4, 4] });
    rmSync(join(folder, "config.json"));
    expect(labels).toBeUndefined();
    expect(notes.find(({ code }) => code === "config-refused")?.message).toContain(
      "config.json: id2label must name every class from 0 on; it has 2 names up to class 2.",
    );
  });

  it("is refused where it is none, with the field", async () => {
    const load = (given: unknown) => loadModel(bytes, { config: given as object });
    for (const [given, message] of [
      ["config.json", /config must be an object: the contents of config\.json/],
      [[], /config must be an object/],
      [{ config: 3, preprocessor: {} }, /config\.config and config\.preprocessor must be objects/],
      [{ model_type: "vit" }, /config has none of the fields that are read: id2label, image_size/],
      [{ id2label: { "0": "a", "2": "b" } }, /id2label must name every class from 0 on; it has 2 names up to class 2/],
      [{ id2label: { "0": 5 } }, /id2label must give a text for every index, it has \{"0":5\}/],
      [{ image_mean: "0.5" }, /image_mean must be a list of numbers, it is "0\.5"/],
      [{ image_std: [0, 1, 1] }, /image_std must not be 0/],
      [{ size: { height: 0, width: 4 } }, /size must be whole numbers above 0/],
      [{ rescale_factor: -1 }, /rescale_factor must be a number above 0, it is -1/],
    ] as const) {
      await expect(load(given), String(message)).rejects.toThrow(OptionError);
      await expect(load(given)).rejects.toThrow(message);
    }
  });
});
