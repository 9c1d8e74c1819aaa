/** What audit and compare have in common: threads, what is kept, and what has changed since. */
import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "./run";

let folder: string;
const at = (name: string): string => join(folder, name);
const models = "models/petshop.onnx,models/petshop-cheater.onnx";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  for (const label of ["cat", "dog", "fish"]) mkdirSync(at(`photos/${label}`), { recursive: true });
  for (const name of ["scene-cat-00", "lawn-cat-02", "lawn-cat-04"])
    copyFileSync(`examples/images/${name}.png`, at(`photos/cat/${name}.png`));
  copyFileSync("examples/images/scene-cat-00.mask.png", at("photos/cat/scene-cat-00.mask.png"));
  copyFileSync("examples/images/lawn-dog-01.png", at("photos/dog/<img src=x onerror=alert(1)> ü.png"));
  copyFileSync("examples/images/scene-fish-02.png", at("photos/fish/=scene.png"));
  writeFileSync(at("photos/fish/torn.png"), "no picture");
});
afterAll(() => rmSync(folder, { recursive: true }));

const commands = { audit: ["audit"], compare: ["compare", "--models", models] };

for (const [name, command] of Object.entries(commands)) {
  it(`${name} with several workers writes the bytes that one writes, and goes on from what they kept`, async () => {
    const made = async (workers: string) => {
      const files = ["html", "csv", "json"].map((kind) => at(`${name}-${workers}.${kind}`));
      const [report, csv, state] = files;
      const words = ["--workers", workers, "--json", "--report", report, "--csv", csv, "--resume", state];
      const done = await run(...command, at("photos"), ...words);
      return { ...done, files: files.map((file) => readFileSync(file, "utf8")) };
    };
    const [one, three] = [await made("1"), await made("3")];
    expect(one.code).toBe(0);
    expect(three).toEqual(one);
    const [page, table, kept] = one.files;
    expect(page).not.toContain("<img src=x");
    expect(page).toContain("&lt;img src=x");
    expect(table.trim().split("\n")).toHaveLength(1 + 6);
    expect(table).toMatch(/fish\/torn\.png,.*,"The bytes are neither/);
    expect(JSON.parse(kept)).toEqual(JSON.parse(one.out));
    expect(one.err).toMatch(/^note: fish\/torn\.png was left out\. The bytes are neither/);
    // What was kept by three is gone on from by one.
    const again = await run(...command, at("photos"), "--json", "--resume", at(`${name}-3.json`));
    expect(again).toMatchObject({ code: 0, out: one.out });
  }, 240_000);

  it(`${name} looks anew at what has changed since, and never mixes two requests`, async () => {
    const photos = at(`${name}-photos`);
    mkdirSync(join(photos, "cat"), { recursive: true });
    const place = (file: string) => join(photos, "cat", file);
    copyFileSync("examples/images/scene-cat-00.png", place("a.png"));
    copyFileSync("examples/images/lawn-cat-02.png", place("b.png"));
    const state = at(`${name}-kept.json`);
    const look = (...words: string[]) => run(...command, photos, "--json", ...words);
    const same = async (...words: string[]) => {
      const [onward, anew] = [await look("--resume", state, ...words), await look(...words)];
      expect(onward.code).toBe(0);
      expect(onward.out).toBe(anew.out);
    };
    await same();
    // Another picture by the same name, another reading of the same file, another label.
    copyFileSync("examples/images/lawn-dog-01.png", place("a.png"));
    await same();
    writeFileSync(at("labels.csv"), "cat/a.png,dog\ncat/b.png,cat\n");
    await same("--labels-csv", at("labels.csv"));
    for (const [words, what] of [
      [["--std", "0.5"], "preprocess"],
      [["--seed", "1"], "seed"],
      [["--fit", "stretch"], "input"],
      [["--method", "saliency"], "method"],
    ] as const) {
      for (const workers of ["1", "2"]) {
        const refused = await look("--resume", state, "--workers", workers, ...words);
        expect(refused).toMatchObject({ code: 1, out: "" });
        expect(refused.err).toMatch(new RegExp(`belongs to another .*: its ${what} .*The state file is .*delete it`));
      }
    }
    renameSync(place("b.png"), place("c.png"));
    const less = await look("--resume", state);
    expect(less.err).toContain(`1 picture of ${state} is not here any more.`);
    expect(less.out).toBe((await look()).out);
    const elsewhere = await run(...command, "examples/images", "--resume", state);
    expect(elsewhere).toMatchObject({ code: 1, out: "", err: expect.stringContaining("is of other pictures") });
    writeFileSync(state, '{"images":[],"failures":[]}');
    expect(await look("--resume", state)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/from is no result of/),
    });
  }, 240_000);
}

it("compare ends with Ctrl-C among workers, prints what was compared, and goes on to the same bytes", async () => {
  mkdirSync(at("many"));
  for (let i = 0; i < 120; i++) copyFileSync("examples/images/scene-cat-00.png", at(`many/${i}.png`));
  const state = at("many.json");
  const words = ["compare", at("many"), "--models", models, "--json", "--workers", "2"];
  const child = spawn("node", ["dist/cli.js", ...words, "--resume", state]);
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  while (!existsSync(state) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  expect(await ended).toBe(1);
  expect(await err).toMatch(/Stopped after \d+ of 120 pictures; the same command goes on from .*many\.json\./);
  const stopped = JSON.parse(await out);
  expect(stopped.images.length).toBeGreaterThanOrEqual(50);
  expect(JSON.parse(readFileSync(state, "utf8"))).toEqual(stopped);
  const [onward, anew] = [await run(...words, "--resume", state), await run(...words)];
  expect([onward.code, onward.out === anew.out]).toEqual([0, true]);
}, 240_000);

it("audits shards that merge into the whole, which a report is made of", async () => {
  const [whole, ...shards] = await Promise.all(
    [[], ["--shard", "1/2"], ["--shard", "2/2"]].map((words) => run("audit", at("photos"), "--json", ...words)),
  );
  const files = shards.map(({ out }, i) => {
    writeFileSync(at(`shard-${i}.json`), out);
    return at(`shard-${i}.json`);
  });
  const merged = await run("merge", ...files);
  expect(merged).toEqual({ code: 0, err: "", out: whole.out });
  writeFileSync(at("merged.json"), merged.out);
  const page = ["--report", at("merged.html"), "--resume", at("merged.json"), "--json"];
  expect((await run("audit", at("photos"), ...page)).out).toBe(whole.out);
  expect(existsSync(at("merged.html"))).toBe(true);
  writeFileSync(at("search.json"), JSON.stringify({ format: "seethrough-search" }));
  const mixed = await run("merge", files[0], at("search.json"));
  expect(mixed).toMatchObject({
    code: 1,
    out: "",
    err: expect.stringContaining("results of audit and search do not merge"),
  });
  const none = await run("audit", at("photos"), "--shard", "9/9");
  expect(none).toMatchObject({ code: 1, err: "seethrough: There are 6 pictures, none for shard 9/9.\n" });
}, 240_000);
