import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, loadModel, type TopActivations, topActivations } from "../../src/index";

const folder = mkdtempSync(join(tmpdir(), "seethrough-search-"));
const photos = join(folder, "photos");
const names = ["cage-dog-02", "lawn-cat-02", "scene-cat-00", "scene-fish-02", "scene-rabbit-02", "scene-turtle-02"];
beforeAll(() => {
  mkdirSync(join(photos, "deep"), { recursive: true });
  names.forEach((name, i) => {
    copyFileSync(`examples/images/${name}.png`, join(photos, i % 2 ? "deep" : "", `${name}.png`));
  });
  copyFileSync("examples/images/scene-cat-00.mask.png", join(photos, "scene-cat-00.mask.png"));
  writeFileSync(join(photos, "notes.txt"), "no image");
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the built command line. */
const run = (...words: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile("node", ["dist/cli.js", ...words], (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
const search = (...words: string[]) => run("search", photos, "--layer", "relu4", "--exclude", ".mask.", ...words);

describe("seethrough search", () => {
  it("finds what the library finds, in subfolders too, and draws it", async () => {
    const picture = join(folder, "sheets", "sheet.png");
    const { code, out, err } = await search("--unit", "8,20", "--top", "2", "--out", picture);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const model = await loadModel();
    const images = names.map((id) => ({
      id,
      image: () => decodeImage(new Uint8Array(readFileSync(`examples/images/${id}.png`))),
    }));
    const { units } = await topActivations(model, images, { layer: "relu4", unit: [8, 20], top: 2 });
    expect(out).toContain("6 images, layer relu4 of petshop by max activation");
    for (const { top } of units) {
      for (const { id, score } of top)
        expect(out).toMatch(new RegExp(`${score.toPrecision(4)} +(deep/)?${id}\\.png, x \\d`));
    }
    const sheet = await decodeImage(new Uint8Array(readFileSync(picture)));
    expect(sheet.width).toBeGreaterThan(800);
    const page = join(folder, "page.png");
    expect((await search("--unit", "8", "--out", page, "--projections")).code).toBe(0);
    expect((await decodeImage(new Uint8Array(readFileSync(page)))).height).toBeGreaterThan(224);
  });

  it("goes on from its state, and shards merge to the whole", async () => {
    const state = join(folder, "state.json");
    const whole = JSON.parse((await search("--json", "--state", state)).out) as TopActivations;
    expect(whole.images).toBe(6);
    // A state that holds wrong scores shows that nothing is searched twice.
    const held = JSON.parse(readFileSync(state, "utf8")) as TopActivations;
    expect(held).toEqual(whole);
    const marked = { ...held, units: held.units.map((unit) => ({ ...unit, top: [] })) };
    writeFileSync(state, JSON.stringify(marked));
    expect(JSON.parse((await search("--json", "--state", state)).out)).toEqual(marked);
    const parts = await Promise.all(
      ["1/2", "2/2"].map(async (shard, i) => {
        const path = join(folder, `part${i}.json`);
        writeFileSync(path, (await search("--json", "--shard", shard)).out);
        return path;
      }),
    );
    const { code, out } = await run("merge", ...parts.reverse());
    expect(code).toBe(0);
    const merged = JSON.parse(out) as TopActivations;
    expect(merged.units).toEqual(whole.units);
    expect(merged.shards).toMatchObject({ "1/2": { images: 3 }, "2/2": { images: 3 } });
    const { code: refused, err } = await search("--top", "9", "--state", state);
    expect(refused).toBe(1);
    expect(err).toContain("its top is 5, that of this search is 9");
    expect(err).toContain("delete it to start anew");
    writeFileSync(state, "{");
    expect((await search("--state", state)).err).toContain("is not JSON; a state file is written by");
  });

  it("leaves out files that are no images, unless strict, and says so", async () => {
    const broken = join(photos, "broken.jpg");
    writeFileSync(broken, "no jpeg");
    const { code, out, err } = await search("--unit", "8");
    expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^note: broken\.jpg was left out\. /) });
    expect(out).toContain("6 images");
    const strict = await search("--unit", "8", "--strict");
    expect(strict).toMatchObject({ code: 1, err: expect.stringMatching(/^seethrough: Image "broken\.jpg": /) });
    rmSync(broken);
  });

  it("says what is wrong with the command line, before it works", async () => {
    for (const [words, code, message] of [
      [["search", photos], 2, "--layer"],
      [["search", photos, "--layer", "relu4", "--unit", "a"], 2, "whole numbers separated by commas"],
      [["search", photos, "--layer", "relu4", "--top", "0"], 2, "at least 1"],
      [["search", photos, "--layer", "relu4", "--shard", "3/2"], 2, "1/4 to 4/4"],
      [["search", photos, "--layer", "relu4", "--target", "cat"], 2, "--target belongs to --by relevance"],
      [["search", photos, "--layer", "relu4", "--projections"], 2, "name it with --out"],
      [["search", photos, "--layer", "relu4", "--out", "a.jpg"], 2, "name it .png"],
      [["search", photos, "--layer", "relu44"], 1, 'Did you mean "relu4"?'],
      [["search", photos, "--layer", "relu6", "--out", "a.png"], 1, "relu6 has 96 units, a sheet shows at most 64"],
      [["search", join(folder, "none"), "--layer", "relu4"], 1, "there is no such folder"],
      [
        ["search", join(folder, "sheets"), "--layer", "relu4", "--exclude", "sheet"],
        1,
        "has no PNG, JPEG or WebP files",
      ],
      [["merge", "examples/images/scenes.json"], 1, "Part 1 is no result of topActivations"],
    ] as const) {
      const finished = await run(...words);
      expect(finished, words.join(" ")).toMatchObject({ code, err: expect.stringContaining(message) });
    }
  });
});

describe("seethrough project", () => {
  it("names the activations, what they see, and writes picture and values", async () => {
    const [picture, values] = [join(folder, "projection.png"), join(folder, "projection.npy")];
    const scene = "examples/images/scene-cat-00.png";
    const { code, out } = await run(
      "project",
      scene,
      "--layer",
      "relu4",
      "--unit",
      "3",
      "--out",
      picture,
      "--npy",
      values,
    );
    expect(code).toBe(0);
    expect(out).toMatch(/unit 3 at \[\d+, \d+\]: \d+\.\d+, sees x \d+–\d+, y \d+–\d+ of the input/);
    expect((await decodeImage(new Uint8Array(readFileSync(picture)))).width).toBe(2 * 384 + 8);
    expect(readFileSync(values).toString("latin1", 10, 100)).toContain("'shape': (1, 96, 96, 3)");
    const { out: json } = await run("project", scene, "--layer", "relu5", "--keep", "3", "--json");
    const { kept } = JSON.parse(json) as { kept: { sees: { width: number } }[] };
    expect(kept).toHaveLength(3);
    for (const { sees } of kept) expect(sees.width).toBeLessThanOrEqual(54);
    expect((await run("project", scene, "--layer", "relu5", "--unit", "99")).err).toContain("has units 0 to 63");
    expect((await run("project", scene)).code).toBe(2);
  });
});
