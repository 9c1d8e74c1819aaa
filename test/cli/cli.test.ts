import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { decodeImage, encodePng, resize } from "../../src/index";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command line. */
const run = (...words: string[]): Promise<Finished> =>
  new Promise((resolve) => {
    execFile("node", ["dist/cli.js", ...words], (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });

const scene = "examples/images/scene-cat-00.png";

describe("seethrough explain", () => {
  it("says what it sees, what speaks for it, and writes the overlay", async () => {
    const picture = join(folder, "deep", "overlay.png");
    const { code, out, err } = await run("explain", scene, "--out", picture);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/cat +9\d\.\d %/);
    expect(out).toMatch(
      /grad-cam at relu6: what speaks for cat: x \d+–\d+, y \d+–\d+\n {2}red: what the layer finds here speaks most/,
    );
    expect(out).toContain(`overlay: ${picture}`);
    const overlay = await decodeImage(new Uint8Array(readFileSync(picture)));
    expect(overlay.width).toBe(384);
    // The mask of the scene says where the cat is: the reddest place must lie there.
    const mask = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.mask.png")));
    const channels = overlay.data.length / (overlay.width * overlay.height);
    let [best, at] = [Number.NEGATIVE_INFINITY, 0];
    for (let pixel = 0; pixel < 384 * 384; pixel++) {
      const [red, , blue] = overlay.data.slice(pixel * channels, pixel * channels + 3);
      if (red - blue > best) [best, at] = [red - blue, pixel];
    }
    const [x, y] = [Math.floor((at % 384) / 4), Math.floor(at / 384 / 4)];
    const maskChannels = mask.data.length / (96 * 96);
    expect(mask.data[(y * 96 + x) * maskChannels]).toBeGreaterThan(0);
  });

  it("shows a stranger first a picture whose evidence lies on the object, and says in words what is seen", async () => {
    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    const words = scripts.explain.slice(scripts.explain.indexOf("explain examples")).split(" ");
    const [, shown] = words;
    const values = join(folder, "first.npy");
    const { code, out, err } = await run(...words.slice(0, -2), "--npy", values, "--out", join(folder, "first.png"));
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("\n  red: covering this place lowers the score of dog; blue: covering it raises the score\n");
    const mask = await decodeImage(new Uint8Array(readFileSync(shown.replace(".png", ".mask.png"))));
    const step = mask.data.length / (96 * 96);
    // The array of a NumPy file is its end: 96×96 places, three equal channels or one.
    const bytes = new Uint8Array(readFileSync(values));
    const data = new Float32Array(bytes.slice(bytes.length % 4 === 0 ? 128 : 0).buffer);
    const channels = data.length / (96 * 96);
    let [inside, all, best, at] = [0, 0, 0, 0];
    for (let pixel = 0; pixel < 96 * 96; pixel++) {
      const value = data.subarray(pixel * channels, (pixel + 1) * channels).reduce((a, b) => a + b, 0);
      if (value <= 0) continue;
      all += value;
      if (mask.data[pixel * step] > 127) inside += value;
      if (value > best) [best, at] = [value, pixel];
    }
    expect(mask.data[at * step]).toBe(255);
    // The dog covers a tenth of the picture.
    expect(inside / all).toBeGreaterThan(0.7);
  });

  it("says what high and low values mean where no colours of the usual kind are drawn", async () => {
    const plain = await run("explain", scene, "--method", "saliency");
    expect(plain.out).toContain(
      "\n  high: a small change of this place changes the score of cat most, up or down; low: ",
    );
    const other = await run("explain", scene, "--colormap", "viridis", "--out", join(folder, "viridis.png"));
    expect(other.out).toContain("\n  high: what the layer finds here speaks most for cat; low: ");
    const signed = await run("explain", scene, "--method", "lrp", "--target", "dog");
    expect(signed.out).toContain("\n  above zero: relevance for dog, handed back");
    // A box around what is too faint to be drawn would frame nothing.
    expect(signed.out).toMatch(/speaks for dog: hardly anything: what speaks against it is \d{3} times as strong\n/);
  });

  it("draws large pictures at 1024 pixels a side, and at their own size with --full-size", async () => {
    const [photo, picture] = [join(folder, "large.png"), join(folder, "drawn.png")];
    const large = resize(await decodeImage(scene), { width: 1500, height: 1200 });
    writeFileSync(photo, await encodePng(large));
    for (const [flags, width, height] of [
      [[], 1024, 819],
      [["--full-size"], 1500, 1200],
    ] as const) {
      expect((await run("explain", photo, "--out", picture, ...flags)).code).toBe(0);
      expect(await decodeImage(picture)).toMatchObject({ width, height });
    }
  });

  it("--workers divides the passes, and prints the same", async () => {
    const words = ["explain", scene, "--method", "occlusion", "--target", "dog", "--json"];
    const [alone, divided] = [await run(...words), await run(...words, "--workers", "2")];
    expect(divided).toEqual(alone);
    expect(divided.code).toBe(0);
    expect(await run(...words.slice(0, 4), "--workers", "2", "--target", "dogg")).toMatchObject({
      code: 1,
      err: expect.stringContaining('Did you mean "dog"?'),
    });
    for (const [wrong, text] of [
      ["0", "expected a whole number of at least 1"],
      ["300", "expected at most 256"],
    ]) {
      const { code, err } = await run("explain", scene, "--workers", wrong);
      expect(code).toBe(2);
      expect(err).toContain(text);
    }
  });

  it("--json prints one document, --npy the raw values", async () => {
    const npy = join(folder, "raw.npy");
    const { code, out } = await run(
      "explain",
      scene,
      "--method",
      "saliency",
      "--target",
      "dog",
      "--json",
      "--npy",
      npy,
    );
    expect(code).toBe(0);
    const document = JSON.parse(out) as {
      explanations: { method: string; target: { label: string }; shape: number[] }[];
    };
    expect(document.explanations).toHaveLength(1);
    expect(document.explanations[0]).toMatchObject({
      method: "saliency",
      target: { label: "dog" },
      shape: [1, 96, 96, 3],
    });
    const bytes = readFileSync(npy);
    expect(bytes.subarray(0, 6)).toEqual(Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]));
    expect(bytes.toString("latin1", 10, 100)).toContain("'shape': (1, 96, 96, 3)");
    const headerBytes = bytes.readUInt16LE(8);
    expect((10 + headerBytes) % 64).toBe(0);
    expect(bytes.length).toBe(10 + headerBytes + 96 * 96 * 3 * 4);
  });

  it("what cannot be done ends with 1 and one line", async () => {
    const text = join(folder, "words.txt");
    writeFileSync(text, "just words");
    const half = join(folder, "half.png");
    writeFileSync(half, readFileSync(scene).subarray(0, 5000));
    const failures: readonly (readonly [string[], RegExp])[] = [
      [["explain", "missing.png"], /missing\.png cannot be read: there is no such file/],
      [["explain", text], /neither a PNG nor a JPEG/],
      [["explain", half], /stops half way/],
      [["explain", scene, "--model", text], /onnx/i],
      [["explain", scene, "--target", "kat"], /Did you mean "cat"\?/],
      [["explain", scene, "--layer", "relu66"], /Did you mean "relu6"\?/],
      [["explain", scene, "--labels", text], /--labels .*words\.txt has 1 names?, the output .* has 8 classes/],
    ];
    for (const [words, message] of failures) {
      const { code, err } = await run(...words);
      expect(err).toMatch(message);
      expect(err.trim().split("\n"), words.join(" ")).toHaveLength(1);
      expect(code, words.join(" ")).toBe(1);
    }
  });

  it("a wrong command line ends with 2", async () => {
    for (const words of [
      ["explain"],
      ["explain", scene, "--method", "gradcam"],
      ["explain", scene, "--mean", "a,b"],
      ["explode"],
      ["explain", scene, "--method", "all", "--npy", "x.npy"],
      ["explain", scene, "--out", "x.jpg"],
      ["explain", scene, "--mean", "1,,2"],
      ["explain", scene, "--nonsense"],
    ]) {
      const { code, err } = await run(...words);
      expect(code, words.join(" ")).toBe(2);
      expect(err).toMatch(/error:/);
    }
  });
});

describe("seethrough visualize", () => {
  it("climbs a class, says what it reached and writes the picture", async () => {
    const picture = join(folder, "cat-liked.png");
    const { code, out, err } = await run("visualize", "--target", "cat", "--steps", "30", "--out", picture);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(
      /^cat, as petshop likes it best, after 30 steps:\n {2}score \d+\.\d{3}, seen as cat \((99|100)\.\d %\)\n/,
    );
    expect(out).toContain(`picture: ${picture}`);
    const { width, height } = await decodeImage(new Uint8Array(readFileSync(picture)));
    expect([width, height]).toEqual([384, 384]);
    const again = await run("explain", picture, "--json");
    expect(JSON.parse(again.out).predictions[0]).toMatchObject({ label: "cat" });
  });

  it("--json tells of units and layers, from an image on too, and of several images", async () => {
    const unit = await run(
      "visualize",
      "--layer",
      "relu3",
      "--unit",
      "5",
      "--position",
      "3,4",
      "--steps",
      "4",
      "--json",
    );
    expect(unit.err).toBe("");
    const found = JSON.parse(unit.out);
    expect(found.objective).toHaveLength(5);
    expect(found.recipe.options).toMatchObject({
      target: { layer: "relu3", unit: 5, position: [3, 4] },
      preset: "lucid",
    });
    const dream = await run("visualize", "--layer", "relu4", "--start", scene, "--steps", "3", "--json");
    expect(JSON.parse(dream.out).targets[0]).toMatchObject({ layer: "relu4" });
    const words = ["--preset", "plain", "--step-size", "0.5", "--l2", "0.1", "--seed", "4", "--steps", "2", "--json"];
    const { recipe, predictions } = JSON.parse((await run("visualize", "--start", scene, ...words)).out);
    expect(recipe).toMatchObject({
      seed: 4,
      options: { target: "top", stepSize: 0.5, l2: 0.1, parameterization: "pixels" },
    });
    expect(predictions[0]).toMatchObject({ label: "cat" });
    const sheet = join(folder, "two.png");
    const two = await run("visualize", "--target", "1", "--images", "2", "--steps", "2", "--out", sheet);
    expect(two.out.match(/score/g)).toHaveLength(2);
    expect((await decodeImage(new Uint8Array(readFileSync(sheet)))).width).toBe(2 * 192 + 8);
  });

  it("says what is wrong: 2 for the command line, 1 for the rest", async () => {
    const wrong: readonly [code: number, text: RegExp, ...words: string[]][] = [
      [2, /name what to visualize: --target, or --layer/],
      [2, /--target and --layer exclude each other/, "--target", "cat", "--layer", "relu3"],
      [2, /--unit needs its --layer/, "--target", "cat", "--unit", "3"],
      [2, /expected mean, centre, max or Y,X/, "--layer", "relu3", "--unit", "3", "--position", "1,2,3"],
      [2, /--position is of one unit: add --unit/, "--layer", "relu3", "--position", "1,2"],
      [1, /--position max is of a unit: .* Of an output map it is Y,X/, "--target", "0", "--position", "max"],
      [1, /--target 0 for the first; got --target cat/, "--target", "cat", "--position", "1,2"],
      [1, /has no positions|is no map|position/, "--target", "0", "--position", "1,2", "--steps", "1"],
      [2, /expected a whole number/, "--target", "cat", "--steps", "many"],
      [2, /expected a number/, "--target", "cat", "--l2", "much"],
      [2, /expected a whole number of at least 1/, "--target", "cat", "--images", "0"],
      [1, /"relu3" .* has units 0 to 47/, "--layer", "relu3", "--unit", "48"],
      [1, /nothing\.png cannot be read/, "--target", "cat", "--start", "nothing.png"],
    ];
    for (const [code, text, ...words] of wrong) {
      const { code: got, out, err } = await run("visualize", ...words);
      expect({ words, got, out }).toEqual({ words, got: code, out: "" });
      expect(err).toMatch(text);
    }
  });
});

describe("seethrough inspect", () => {
  it("lists layers, cost and CAM layers", async () => {
    const { code, out } = await run("inspect");
    expect(code).toBe(0);
    expect(out).toMatch(/conv6 +Conv +1×6×6×96 +55,392/);
    expect(out).toContain("layers for CAM: relu6 (6×6)");
    const json = await run("inspect", "models/petshop-cheater.onnx", "--json");
    expect(JSON.parse(json.out)).toMatchObject({ parameters: 134_176, labels: expect.arrayContaining(["cat"]) });
  });

  it("help and version end with 0", async () => {
    expect((await run("--help")).code).toBe(0);
    expect((await run("--version")).out.trim()).toBe("0.1.0");
  });
});

describe("seethrough to-cam", () => {
  const flatten = "models/petshop-flatten.onnx";

  it("rewrites exactly, for a larger size, and explain takes the file", async () => {
    const file = join(folder, "large.onnx");
    const { code, out, err } = await run("to-cam", flatten, "--out", file, "--input-shape", "1,3,192,192");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("same scores, as convolutions; CAM at fc2");
    expect(out).toContain("Gemm fc1: now a convolution 3×3, 96 to 64 channels, the same 55296 weights");
    const explained = await run("explain", scene, "--model", file, "--method", "cam");
    expect(explained.code).toBe(0);
    expect(explained.out).toContain("cam at fc2");
  });

  it("fits a head to a folder of classes", async () => {
    const pictures = join(folder, "pets");
    for (const label of ["cat", "turtle"]) {
      mkdirSync(join(pictures, label), { recursive: true });
      for (let copy = 0; copy < 3; copy++) {
        const name = label === "cat" ? "scene-cat-00.png" : "scene-turtle-02.png";
        copyFileSync(join("examples/images", name), join(pictures, label, `${copy}.png`));
      }
    }
    const file = join(folder, "fitted.onnx");
    const { code, out } = await run("to-cam", flatten, "--out", file, "--images", pictures, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      kind: "refit",
      layer: "relu6",
      fit: { images: 5, heldOut: 1, agreement: 1 },
    });
    expect((await run("explain", scene, "--model", file, "--method", "cam")).out).toMatch(/cat +\d\d\.\d %/);
  });

  it("says what is wrong", async () => {
    const file = join(folder, "none.onnx");
    const done = await run("to-cam", "models/petshop.onnx", "--out", file);
    expect([done.code, done.err]).toEqual([
      1,
      expect.stringContaining('cam(model, image) works as it is, at layer "relu6"'),
    ]);
    const empty = await run("to-cam", flatten, "--out", file, "--images", "models");
    expect([empty.code, empty.err]).toEqual([1, expect.stringContaining("expected one folder per class")]);
    expect((await run("to-cam", flatten, "--out", file, "--lambda", "0")).code).toBe(2);
    expect((await run("to-cam", flatten)).code).toBe(2);
  });
});
