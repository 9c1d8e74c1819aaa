import { execFile, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { beforeAll, expect, it } from "vitest";
import { run } from "./run";

const scenes = ["scene-cat-00", "scene-fish-02", "cage-dog-02"];
let folder = "";
let photos = "";
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  photos = at("photos");
  mkdirSync(join(photos, "deep"), { recursive: true });
  for (const scene of scenes) {
    copyFileSync(`examples/images/${scene}.png`, join(photos, `${scene}.png`));
    copyFileSync(`examples/images/${scene}.mask.png`, join(photos, `${scene}.mask.png`));
  }
  copyFileSync("examples/images/lawn-dog-01.png", join(photos, "deep", "=lawn.png"));
  writeFileSync(join(photos, "broken.png"), "no picture");
});

const rowsOf = (name: string): Record<string, string>[] => parse(readFileSync(at(name)), { columns: true });

it("explains a folder by several methods, with a page, a table and overlays; one broken picture stops nothing", async () => {
  const { code, out, err } = await run(
    ...["explain", photos, "--methods", "grad-cam,saliency", "--report", at("page.html"), "--csv", at("table.csv")],
    ...["--out", at("overlays")],
  );
  expect(code).toBe(0);
  expect(out.split("\n")).toHaveLength(4 + 3 + 1);
  expect(out).toMatch(/scene-cat-00\.png: cat \d+\.\d %; grad-cam x \d+–\d+, y \d+–\d+; saliency x /);
  expect(err).toContain("broken.png was left out. The bytes are neither a PNG");
  const rows = rowsOf("table.csv");
  expect(rows).toHaveLength(4 * 2 + 1);
  const cat = rows.find(({ image, method }) => image.endsWith("scene-cat-00.png") && method === "grad-cam");
  expect(cat).toMatchObject({ model: "petshop", predicted: "cat", target: "cat", layer: "relu6", error: "" });
  expect(Number(cat?.probability)).toBeGreaterThan(0.9);
  expect(out).toContain(`grad-cam x ${cat?.x}–${Number(cat?.x) + Number(cat?.width)}, y ${cat?.y}–`);
  expect(rows.at(-1)).toMatchObject({
    image: join(photos, "broken.png"),
    error: expect.stringContaining("neither a PNG"),
  });
  expect(readdirSync(at("overlays"), { recursive: true }).sort()).toEqual(
    ["cage-dog-02.png", "deep", join("deep", "=lawn.png"), "scene-cat-00.png", "scene-fish-02.png"].sort(),
  );
  const page = readFileSync(at("page.html"), "utf8");
  for (const name of [...scenes, "=lawn"]) expect(page).toContain(`${name}.png</h2>`);
  // A picture and two maps of each.
  expect(page.match(/<img /g)).toHaveLength(4 * 3);
});

it("--workers writes the same page and table", async () => {
  const models = ["--models", "models/petshop.onnx,models/petshop-cheater.onnx"];
  const pages = ["1", "2"].map(async (workers) => {
    const files = ["--report", at(`page-${workers}.html`), "--csv", at(`table-${workers}.csv`)];
    const { code, err } = await run("explain", photos, ...models, ...files, "--workers", workers);
    expect([code, err]).toEqual([0, expect.stringContaining("broken.png was left out")]);
    return files.filter((file) => !file.startsWith("--")).map((file) => readFileSync(file, "utf8"));
  });
  const [one, two] = await Promise.all(pages);
  expect(two).toEqual(one);
});

it("two networks stand beside each other, each with its own answers and scale", async () => {
  const models = "models/petshop-cheater.onnx,models/petshop-flatten.onnx";
  const { code, out } = await run("explain", join(photos, "scene-cat-00.png"), "--models", models, "--json");
  expect(code).toBe(0);
  const { images } = JSON.parse(out) as { images: { model: string; explanations: { layer: string }[] }[] };
  expect(images.map(({ model }) => model)).toEqual(["petshop-cheater.onnx", "petshop-flatten.onnx"]);
  expect(images[0].explanations).not.toEqual(images[1].explanations);
  const page = await run("explain", photos, "--models", models, "--report", at("two.html"), "--out", at("two"));
  expect(page.out).toContain("scene-cat-00.png (petshop-cheater.onnx): cat");
  const html = readFileSync(at("two.html"), "utf8");
  expect(html).toContain("of each network its own");
  expect(html).toContain("What petshop-flatten.onnx said of");
  expect(readdirSync(at("two"))).toContain("scene-cat-00.petshop-flatten_onnx.png");
});

it("Ctrl-C ends it with what was found, and --resume goes on to the same table and page", async () => {
  const words = ["explain", photos, "--method", "occlusion"];
  const files = (name: string): string[] => ["--csv", at(`${name}.csv`), "--report", at(`${name}.html`), "--resume"];
  const stopped = await new Promise<{ code: number | null; err: string }>((resolve) => {
    const child = spawn("node", ["dist/cli.js", ...words, ...files("stopped")], { stdio: ["ignore", "pipe", "pipe"] });
    let err = "";
    child.stderr.on("data", (piece) => {
      err += piece;
    });
    child.stdout.once("data", () => child.kill("SIGINT"));
    child.on("close", (code) => resolve({ code, err }));
  });
  expect(stopped.code).toBe(1);
  expect(stopped.err).toMatch(/Stopped after [123] of 5 pictures; .*stopped\.jsonl goes on from there/);
  expect(rowsOf("stopped.csv").length).toBeGreaterThan(0);
  // A line that a crash left half.
  const state = at("stopped.jsonl");
  writeFileSync(state, `${readFileSync(state, "utf8")}{"image":"half`);
  const [resumed, whole] = [await run(...words, ...files("stopped")), await run(...words, ...files("whole"))];
  expect([resumed.code, whole.code]).toEqual([0, 0]);
  expect(readFileSync(at("stopped.csv"), "utf8")).toBe(readFileSync(at("whole.csv"), "utf8"));
  expect(readFileSync(at("stopped.html"), "utf8")).toBe(readFileSync(at("whole.html"), "utf8"));
  const other = await run("explain", photos, "--method", "saliency", "--resume", state);
  expect(other).toMatchObject({
    code: 1,
    err: expect.stringContaining("is of another network, or of other methods or options"),
  });
  writeFileSync(at("foreign.jsonl"), "no records");
  const foreign = await run("explain", photos, "--resume", at("foreign.jsonl"));
  expect(foreign.err).toContain("was not written by seethrough explain --resume");
  expect(readFileSync(at("foreign.jsonl"), "utf8")).toBe("no records");
});

it("says once what is wrong with every picture", async () => {
  const { code, out, err } = await run("explain", photos, "--target", "dragon");
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err.match(/Target "dragon"/g)).toHaveLength(1);
  expect(err).toMatch(/note: \S+ and \d+ more were left out\. Target "dragon" is none of the model's 8 labels/);
});

it("reads one picture from standard input", async () => {
  const out = await new Promise<string>((resolve) => {
    const child = execFile("node", ["dist/cli.js", "explain", "-"], (_, text) => resolve(text));
    child.stdin?.end(readFileSync("examples/images/scene-cat-00.png"));
  });
  expect(out).toContain("standard input, seen by petshop");
  expect(out).toContain("what speaks for cat");
});

it("says what does not go together, and what could not be explained at all", async () => {
  const cat = join(photos, "scene-cat-00.png");
  const said = async (...words: string[]): Promise<string> => {
    const { code, err } = await run("explain", ...words);
    return `${code} ${err}`;
  };
  expect(await said(photos, "--out", "x.png")).toMatch(/^2 .*--out is a folder/);
  expect(await said(photos, "--npy", "x.npy")).toMatch(/^2 .*--npy writes one picture's values/);
  expect(await said(cat, "-")).toMatch(/^2 .*standard input is one picture/);
  expect(await said(cat, "--methods", "lrp,cam", "--method", "lrp")).toMatch(/^2 .*exclude each other/);
  expect(await said(cat, "--methods", "lrp,cam", "--steps", "3")).toMatch(
    /^2 .*--steps belongs to .*, not to lrp or cam/,
  );
  expect(await said(cat, "--out", "overlay.jpg")).toMatch(/^2 .*name --out \.png or \.svg/);
  expect(await said(at("nowhere.png"), cat, "--target", "dgo")).toMatch(
    /^1 [\s\S]*nowhere\.png was left out[\s\S]*Did you mean "dog"[\s\S]*None of the 2 pictures could be explained/,
  );
});

it("never writes over what it reads, and loses no overlay of pictures with one name", async () => {
  const own = at("own");
  for (const name of ["a", "b"]) {
    mkdirSync(join(own, name), { recursive: true });
    copyFileSync("examples/images/scene-cat-00.png", join(own, name, "x.png"));
  }
  const photo = join(own, "a", "x.png");
  const before = readFileSync(photo);
  const [over, alone] = [
    await run("explain", own, "--out", own, "--method", "saliency"),
    await run("explain", photo, "--out", photo, "--method", "saliency"),
  ];
  expect(over).toMatchObject({ code: 1, err: expect.stringContaining("holds the pictures themselves") });
  expect(alone).toMatchObject({ code: 1, err: expect.stringContaining("is read, and would be written over") });
  expect(readFileSync(photo)).toEqual(before);
  const words = ["explain", join(own, "a"), join(own, "b"), photo, "--methods", "saliency,saliency"];
  const out = join(own, "a", "overlays");
  for (let i = 0; i < 2; i++) {
    const { code, out: text } = await run(...words, "--out", out);
    expect(code).toBe(0);
    // Neither the photograph that is named twice nor the overlays of the first run are pictures once more.
    expect(text.match(/: cat \d/g)).toHaveLength(2);
    expect(readdirSync(out).sort()).toEqual(["x-2.png", "x.png"]);
  }
});

it("--resume draws anew what was drawn otherwise, and refuses a network whose weights beside it changed", async () => {
  const picture = join(photos, "scene-cat-00.png");
  const state = at("drawn.jsonl");
  const words = ["explain", picture, "--method", "saliency", "--resume", state, "--out", at("drawn")];
  const overlay = (): Buffer => readFileSync(join(at("drawn"), "scene-cat-00.png"));
  await run(...words);
  const first = overlay();
  await run(...words, "--colormap", "greys");
  expect(overlay().equals(first)).toBe(false);
  const weights = at("beside");
  mkdirSync(weights);
  copyFileSync("models/petshop.onnx", join(weights, "model.onnx"));
  writeFileSync(join(weights, "model.onnx.data"), "one");
  const again = ["explain", picture, "--model", join(weights, "model.onnx"), "--resume", at("weights.jsonl")];
  expect((await run(...again)).code).toBe(0);
  writeFileSync(join(weights, "model.onnx.data"), "two");
  expect(await run(...again)).toMatchObject({ code: 1, err: expect.stringContaining("is of another network") });
});

it("plots signals, and says of each note how many pictures it is of", async () => {
  const signals = at("signals");
  mkdirSync(signals);
  const rows = Array.from({ length: 256 }, (_, i) => Math.sin(i / 7).toFixed(4)).join("\n");
  for (const name of ["one", "two"]) writeFileSync(join(signals, `${name}.csv`), rows);
  const files = ["one", "two"].map((name) => join(signals, `${name}.csv`));
  const { code, err } = await run(
    ...["explain", ...files, "--model", "examples/signal/beats.onnx", "--method", "saliency", "--out", at("plots")],
  );
  expect(err).not.toContain("left out");
  expect(code).toBe(0);
  expect(readdirSync(at("plots")).sort()).toEqual(["one.svg", "two.svg"]);
});
