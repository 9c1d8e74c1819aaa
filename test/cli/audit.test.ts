import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { run } from "./run";

let folder: string;
const at = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  for (const [i, label] of ["cat", "dog", "rabbit", "cat", "dog", "rabbit"].entries()) {
    mkdirSync(at(`photos/${label}`), { recursive: true });
    const source = { cat: "scene-cat-00", dog: "lawn-dog-01", rabbit: "scene-rabbit-02" }[label];
    for (let copy = 0; copy < 20; copy++)
      copyFileSync(`examples/images/${source}.png`, at(`photos/${label}/${i}-${copy}.png`));
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

it("ends with Ctrl-C, prints what was audited, and goes on from there to the same result", async () => {
  const words = ["audit", at("photos"), "--json"];
  const state = at("audit.json");
  const child = spawn("node", ["dist/cli.js", ...words, "--resume", state]);
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  while (!existsSync(state) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGINT");
  expect(await ended).toBe(1);
  expect(await err).toMatch(/Stopped after \d+ of 120 pictures; the same command goes on from .*audit\.json\./);
  const stopped = JSON.parse(await out);
  expect(stopped.images.length).toBeGreaterThanOrEqual(50);
  expect(stopped.images.length).toBeLessThan(120);
  expect(JSON.parse(readFileSync(state, "utf8"))).toEqual(stopped);
  const [onward, anew] = [await run(...words, "--resume", state), await run(...words)];
  expect([onward.code, anew.code]).toEqual([0, 0]);
  expect(onward.out).toBe(anew.out);
  const other = await run(...words, "--resume", state, "--method", "saliency");
  expect(other).toMatchObject({ code: 1, out: "", err: expect.stringContaining('its method is "grad-cam"') });
}, 120_000);

it("says of how many pictures no mask shows the object", async () => {
  for (const [label, source] of [
    ["cat", "scene-cat-00"],
    ["rabbit", "scene-rabbit-02"],
  ]) {
    mkdirSync(at(`few/${label}`), { recursive: true });
    copyFileSync(`examples/images/${source}.png`, at(`few/${label}/0.png`));
  }
  const report = at("few.html");
  const bare = await run("audit", at("few"), "--report", report);
  expect(bare.out).toContain("\nno mask says where the object is: there the picture's rim was compared");
  expect(readFileSync(report, "utf8")).toContain("No mask says where the object is.");
  copyFileSync("examples/images/scene-cat-00.mask.png", at("few/cat/0.mask.png"));
  const half = await run("audit", at("few"), "--report", report);
  expect(half.out).toContain("\nof 1 of 2 pictures no mask says where the object is");
  expect(readFileSync(report, "utf8")).toContain("Of 1 of the pictures no mask says where the object is.");
  copyFileSync("examples/images/scene-rabbit-02.mask.png", at("few/rabbit/0.mask.png"));
  expect((await run("audit", at("few"))).out).not.toContain("no mask");
});
