import { execFile, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
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
  const table = (question: string): string[][] => {
    const start = rows.findIndex((row) => row.startsWith(question));
    return rows.slice(start, rows.indexOf("", start)).map((row) => row.split(/ {2,}/));
  };
  /** Each other line has the intervals. */
  const means = (question: string): string[][] => table(question).filter(([name]) => name !== "");
  const [network, object, map] = ["what the network needs", "where the object is", "the map itself"].map(means);
  expect([network, object, map].map(([header]) => header.slice(1))).toEqual([
    ["deletion ↓", "insertion ↑", "ROAD ↑", "infidelity ↓", "drop ↓", "increase ↑", "ADCC ↑"],
    ["hit ↑", "energy ↑"],
    ["sensitivity ↓", "sparseness", "another class ↓", "random weights ↓"],
  ]);
  for (const each of [network, object, map]) {
    expect(each.slice(1).map(([name]) => name)).toEqual([
      "guided-backprop",
      "grad-cam",
      "control: random",
      "control: edge",
      "control: centre",
    ]);
  }
  for (const column of [-2, -1]) {
    expect(map[1].at(column)).toMatch(/^0\.\d\d ×$/);
    expect(map[2].at(column)).toMatch(/^[−0.\d]+$/);
  }
  expect(object[2][1]).toBe("2/2");
  for (const column of [2, 3]) expect(Number(network[2][column])).toBeGreaterThan(Number(network[3][column]));
  expect(table("what the network needs")[2].slice(1)).toEqual(
    Array.from({ length: 7 }, () => expect.stringMatching(/^\d\.\d\d…\d\.\d\d$/)),
  );
  expect(out).toMatch(/by chance: a hit on \d+ % of the images, energy 0\.\d\d\n/);
  expect(out).toContain("The controls know nothing of the network: random numbers, the picture's edges, its centre.");
}, 120_000);

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
}, 120_000);

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
}, 120_000);

it("keeps the others where one picture cannot be judged, and says so at the end", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    copyFileSync(scene("scene-cat-00"), join(folder, "b.png"));
    writeFileSync(join(folder, "a.png"), "no picture");
    const csv = join(folder, "table.csv");
    const { code, out, err } = await evaluate(folder, "nowhere.png", "--methods", "saliency", "--json", "--csv", csv);
    expect(code).toBe(0);
    const { images, failures, means, stopped } = JSON.parse(out);
    expect(images.map(({ image }: { readonly image: string }) => image)).toEqual([join(folder, "b.png")]);
    expect(failures.map(({ image }: { readonly image: string }) => image)).toEqual([
      join(folder, "a.png"),
      "nowhere.png",
    ]);
    expect(err.trim().split("\n")).toEqual([
      expect.stringMatching(/^note: .*a\.png was left out\. /),
      "note: nowhere.png was left out. nowhere.png cannot be read: there is no such file.",
    ]);
    expect(stopped).toBeUndefined();
    const [{ name, road, averageDrop, adcc, deletion }] = images[0].methods;
    expect(means[0].means).toMatchObject({
      ...{ road: { mean: road.combined, images: 1 }, averageDrop: { mean: averageDrop, images: 1 } },
      ...{ adcc: { mean: adcc.adcc, images: 1 } },
    });
    const rows = readFileSync(csv, "utf8").trim().split("\n");
    expect(rows).toHaveLength(5);
    expect(rows[1]).toContain(`b.png,${name},no,cat,`);
    expect(rows[1]).toContain(String(deletion.auc));
    rmSync(join(folder, "b.png"));
    const none = await evaluate(folder, "nowhere.png", "--methods", "saliency");
    expect(none).toMatchObject({ code: 1, out: "" });
    expect(none.err).toMatch(/\nseethrough: None of the 2 images could be judged; the notes say why\.\n$/);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

it("judges several images at once, to the same document", async () => {
  const images = ["scene-cat-00", "scene-turtle-02", "lawn-dog-01"].map(scene);
  const words = [...images, "nowhere.png", "--methods", "grad-cam,guided-backprop", "--seed", "3", "--json"];
  const [one, three] = [await evaluate(...words), await evaluate(...words, "--workers", "3")];
  expect(one.code).toBe(0);
  expect(three).toEqual(one);
  const wrong = await evaluate(...images, "--target", "dragon", "--workers", "2");
  expect(wrong).toMatchObject({
    code: 1,
    out: "",
    err: expect.stringMatching(/^seethrough: Target "dragon"[^\n]*\n$/),
  });
}, 240_000);

it("ends with Ctrl-C among workers, too, and goes on with another number of them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const state = join(folder, "kept.jsonl");
    const images = ["scene-cat-00", "scene-turtle-02", "lawn-dog-01", "scene-fish-02", "scene-snake-01"].map(scene);
    const words = [...images, "--methods", "saliency", "--resume", state, "--json"];
    const running = spawn("node", ["dist/cli.js", "evaluate", ...words, "--workers", "2"]);
    const [out, err] = [text(running.stdout), text(running.stderr)];
    const ended = new Promise<number | null>((resolve) => running.on("close", resolve));
    const kept = (): number => (existsSync(state) ? readFileSync(state, "utf8").split("\n").length - 2 : 0);
    while (kept() < 1 && running.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    running.kill("SIGINT");
    expect(await ended).toBe(1);
    expect(await err).toMatch(
      /^seethrough: Stopped after [1-4] of 5 images; the same command goes on from .*kept\.jsonl\.\n$/,
    );
    expect(JSON.parse(await out).images.length).toBe(kept());
    const onward = await evaluate(...words);
    const anew = await evaluate(...words.filter((word) => word !== "--resume" && word !== state));
    expect([onward.code, anew.code]).toEqual([0, 0]);
    expect(onward.out).toBe(anew.out);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 240_000);

it("ends with Ctrl-C, prints what was judged, and goes on from there", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const state = join(folder, "kept.jsonl");
    const images = ["scene-cat-00", "scene-turtle-02"].map(scene);
    const words = [...images, "--methods", "saliency", "--resume", state, "--seed", "3", "--json"];
    const running = spawn("node", ["dist/cli.js", "evaluate", ...words]);
    const [out, err] = [text(running.stdout), text(running.stderr)];
    const ended = new Promise<number | null>((resolve) => running.on("close", resolve));
    const kept = (): number => (existsSync(state) ? readFileSync(state, "utf8").split("\n").length - 2 : 0);
    while (kept() < 1 && running.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 20));
    running.kill("SIGINT");
    expect(await ended).toBe(1);
    expect(await err).toBe(`seethrough: Stopped after 1 of 2 images; the same command goes on from ${state}.\n`);
    const stopped = JSON.parse(await out);
    expect(stopped).toMatchObject({ stopped: true, seed: 3, images: [{ image: images[0] }] });
    const onward = await evaluate(...words);
    expect(onward).toMatchObject({ code: 0, err: "" });
    const whole = JSON.parse(onward.out);
    expect(whole.images.map(({ image }: { readonly image: string }) => image)).toEqual(images);
    expect(whole.images[0]).toEqual(stopped.images[0]);
    const anew = await evaluate(...words.filter((word) => word !== "--resume" && word !== state));
    expect(JSON.parse(anew.out)).toEqual(whole);
    const other = await evaluate(...words.map((word) => (word === "3" ? "4" : word)));
    expect(other).toMatchObject({ code: 1, out: "" });
    expect(other.err).toContain(`seethrough: ${state} is of another network, or of other methods or options;`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 240_000);

it("says what is wrong with a command line", async () => {
  const unknown = await evaluate(scene("scene-cat-00"), "--methods", "grad-cam,lime9");
  expect(unknown.code).toBe(2);
  expect(unknown.err).toContain('"lime9" is no method; expected names separated by commas, of saliency, ');
  const table = await evaluate(scene("scene-cat-00"), "--csv", "table.txt");
  expect(table).toMatchObject({ code: 2, err: expect.stringContaining("tables are written as CSV: name it .csv") });
  const absent = await evaluate("nowhere.png");
  expect(absent).toMatchObject({ code: 1, err: "seethrough: nowhere.png cannot be read: there is no such file.\n" });
  const signal = await evaluate(scene("scene-cat-00"), "--model", "examples/signal/beats.onnx");
  expect(signal).toMatchObject({
    code: 1,
    err: expect.stringContaining("takes no images; deletionInsertion and the others"),
  });
});

it("judges several networks, each with tables of its own, and writes a page of them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    // A name that is no HTML, and one that is no picture.
    const strange = join(folder, "<img src=x onerror=alert(1)> ü.png");
    copyFileSync(scene("scene-cat-00"), strange);
    writeFileSync(join(folder, "torn.png"), "no picture");
    const [report, csv, state] = ["page.html", "table.csv", "page.jsonl"].map((name) => join(folder, "out", name));
    const models = ["models/petshop.onnx", "models/petshop-cheater.onnx"];
    const words = [folder, "--methods", "grad-cam,saliency", "--models", models.join(), "--csv", csv, "--json"];
    const one = await evaluate(...words, "--report", report, "--resume");
    expect(one.code).toBe(0);
    expect(one.err.trim().split("\n")).toEqual([expect.stringMatching(/^note: .*torn\.png was left out\. /)]);
    const { models: names, images, means, failures, model } = JSON.parse(one.out);
    expect(names).toEqual(["petshop.onnx", "petshop-cheater.onnx"]);
    expect(model).toBeUndefined();
    expect(images.map((each: { model: string }) => each.model)).toEqual(names);
    expect(images[0].shown).toBeUndefined();
    expect(means.map((each: { model: string; name: string }) => [each.model, each.name])).toEqual(
      names.flatMap((name: string) =>
        ["grad-cam", "saliency", "random", "edge", "centre"].map((method) => [name, method]),
      ),
    );
    expect(failures.map((each: { model: string }) => each.model)).toEqual(names);
    const page = readFileSync(report, "utf8");
    for (const text of [...names, "what the network needs", "Grad-CAM of", "know nothing of the network"])
      expect(page).toContain(text);
    expect(page).not.toContain("<img src=x");
    // The photograph, and a map for each method and network.
    expect(page.match(/<img /g)).toHaveLength(5);
    const rows = readFileSync(csv, "utf8").trim().split("\n");
    expect(rows[0]).toMatch(/^image,model,method,control,/);
    expect(rows).toHaveLength(1 + 2 * 5);
    // From the records, and among threads, the same bytes.
    const kept = readFileSync(state, "utf8");
    const again = await evaluate(...words, "--report", report, "--resume");
    expect([again.out, readFileSync(report, "utf8"), readFileSync(state, "utf8")]).toEqual([one.out, page, kept]);
    const threads = await evaluate(...words, "--report", report, "--workers", "2");
    expect([threads.out, readFileSync(report, "utf8")]).toEqual([one.out, page]);
    const both = await evaluate(folder, "--models", models.join(), "--model", models[0]);
    expect(both).toMatchObject({ code: 2, err: expect.stringContaining("--models and --model exclude each other") });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 240_000);
