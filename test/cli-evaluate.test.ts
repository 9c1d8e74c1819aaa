import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command line. */
const evaluate = (...words: string[]): Promise<Finished> =>
  new Promise((resolve) => {
    execFile("node", ["dist/cli.js", "evaluate", ...words], (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });

const scene = (name: string): string => `examples/images/${name}.png`;

it("prints a table of methods and controls that explains itself", async () => {
  const images = [scene("scene-cat-00"), scene("scene-cat-00.mask"), scene("scene-turtle-02")];
  const { code, out, err } = await evaluate(...images, "--methods", "guided-backprop,grad-cam");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const rows = out.split("\n");
  expect(rows[0]).toBe("petshop, means over 2 images");
  expect(rows[1]).toMatch(/^scene-cat-00\.png \(cat 9\d %\), scene-turtle-02\.png \(turtle \d+ %\)$/);
  const cells = rows.slice(3, 9).map((row) => row.split(/ {2,}/));
  expect(cells[0].slice(1)).toEqual([
    "deletion ↓",
    "insertion ↑",
    "infidelity ↓",
    "hit ↑",
    "energy ↑",
    "sensitivity ↓",
    "sparseness",
    "another class ↓",
    "random weights ↓",
  ]);
  expect(cells.slice(1).map(([name]) => name)).toEqual([
    "guided-backprop",
    "grad-cam",
    "control: random",
    "control: edge",
    "control: centre",
  ]);
  for (const column of [-2, -1]) {
    expect(cells[1].at(column)).toMatch(/^0\.\d\d ×$/);
    expect(cells[2].at(column)).toMatch(/^[−0.\d]+$/);
  }
  expect(cells[2][4]).toBe("2/2");
  const insertion = cells.slice(1).map((row) => Number(row[2]));
  expect(insertion[1]).toBeGreaterThan(insertion[2]);
  expect(out).toMatch(/by chance: a hit on \d+ % of the images, energy 0\.\d\d\n/);
  expect(out).toContain("The controls know nothing of the network: random numbers, the picture's edges, its centre.");
}, 60_000);

it("--json prints every number and curve; a method that the network rules out is named and left out", async () => {
  const flatten = ["--model", "models/petshop-flatten.onnx", "--methods", "cam,saliency", "--target", "dog", "--json"];
  const { code, out, err } = await evaluate(scene("scene-fish-02"), ...flatten);
  expect(code).toBe(0);
  expect(err).toMatch(/^note \(cam\): left out\. CAM needs a network that ends in global average pooling.*\n$/);
  const { model, images } = JSON.parse(out);
  expect(model).toBe("petshop-flatten.onnx");
  expect(images).toHaveLength(1);
  const [{ image, target, methods, controls }] = images;
  expect({ image, label: target.label }).toEqual({ image: scene("scene-fish-02"), label: "dog" });
  expect(methods).toHaveLength(1);
  expect(methods[0]).toMatchObject({
    name: "saliency",
    randomization: { passed: true },
    randomLogit: { passed: true },
  });
  expect(methods[0].deletion.curve).toHaveLength(33);
  expect(methods[0].energyPointingGame.area).toBeCloseTo(controls[0].energyPointingGame.area, 12);
  expect(controls.map(({ name }: { readonly name: string }) => name)).toEqual(["random", "edge", "centre"]);
}, 60_000);

it("of a folder judges its pictures, and without a result says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const empty = await evaluate(folder);
    expect(empty).toEqual({ code: 1, out: "", err: `seethrough: ${folder} has no PNG, JPEG or WebP files.\n` });
    mkdirSync(join(folder, "deep"));
    for (const name of ["scene-cat-00.png", "scene-cat-00.mask.png"])
      copyFileSync(join("examples/images", name), join(folder, "deep", name));
    writeFileSync(join(folder, "remarks.txt"), "no picture");
    const { code, out, err } = await evaluate(folder, "--methods", "saliency", "--json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const { images } = JSON.parse(out);
    expect(images.map(({ image }: { readonly image: string }) => image)).toEqual([
      join(folder, "deep/scene-cat-00.png"),
    ]);
    expect(images[0].methods[0].pointingGame).toBeDefined();
    const none = await evaluate(folder, "--model", "models/petshop-flatten.onnx", "--methods", "cam");
    expect(none).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/seethrough: None of the methods could judge these images: cam\.\n$/),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);

it("says what is wrong with a command line", async () => {
  const unknown = await evaluate(scene("scene-cat-00"), "--methods", "grad-cam,lime9");
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('"lime9" is no method; expected names separated by commas, of saliency, ');
  const absent = await evaluate("nowhere.png");
  expect(absent).toMatchObject({ code: 1, err: "seethrough: nowhere.png cannot be read: there is no such file.\n" });
  const signal = await evaluate(scene("scene-cat-00"), "--model", "examples/signal/beats.onnx");
  expect(signal).toMatchObject({
    code: 1,
    err: expect.stringContaining("takes no images; deletionInsertion and the others"),
  });
});
