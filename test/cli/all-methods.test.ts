import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { decodeImage, encodePng, methodNames } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { transformer } from "../graph/transformer";
import { run } from "./run";

const scene = "examples/images/scene-cat-00.png";

it("--method all explains by every method; notes go to stderr", async () => {
  const { code, out, err } = await run("explain", scene, "--method", "all", "--json");
  expect(code).toBe(0);
  const { explanations } = JSON.parse(out) as { explanations: { method: string }[] };
  expect(explanations.map(({ method }) => method)).toEqual(methodNames);
  expect(err).toContain("note (guided-backprop): This method fails the model-randomisation sanity check");
});

it("attention: by name, among all, and head by head", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  const [model, picture, out] = ["model.onnx", "photo.png", "heads.png"].map((name) => join(folder, name));
  writeFileSync(model, writeOnnx(transformer({ grid: [3, 4], inFront: 1, blocks: ["all", "all"], head: "first" })));
  const data = Uint8Array.from({ length: 8 * 6 * 3 }, (_, i) => (i * 37) % 256);
  writeFileSync(picture, await encodePng({ data, width: 8, height: 6 }));
  const [named, all, heads, one] = await Promise.all([
    run("explain", picture, "--model", model, "--method", "attention-relevance"),
    run("explain", picture, "--model", model, "--method", "all", "--json"),
    run("explain", picture, "--model", model, "--head", "all", "--out", out),
    run("explain", picture, "--model", model, "--head", "1", "--layer", "block0_attention", "--json"),
  ]);
  expect(named.out).toContain("attention-relevance: what speaks for class");
  const methods = (JSON.parse(all.out) as { explanations: { method: string }[] }).explanations.map((e) => e.method);
  expect(methods).toContain("attention-rollout");
  expect(methods).not.toContain("cam");
  expect(heads.out).toMatch(/head 0 at block1_attention: what is attended to: x \d/);
  expect(heads.out).toContain("head 1 at block1_attention: what is attended to");
  expect(heads.err).toContain("Attention is what the network computes on its way");
  // The picture, and a head each, beside each other.
  const sheet = await decodeImage(new Uint8Array(readFileSync(out)));
  expect(sheet.width * sheet.height).toBeGreaterThan(3 * 384 * 288);
  const [{ method, head, layer, shape }] = JSON.parse(one.out).explanations;
  expect({ method, head, layer, shape }).toEqual({
    method: "attention-map",
    head: 1,
    layer: "block0_attention",
    shape: [1, 3, 4, 1],
  });
  const [both, none] = await Promise.all([
    run("explain", picture, "--model", model, "--head", "0", "--method", "lrp"),
    run("explain", scene, "--head", "0"),
  ]);
  expect(both).toMatchObject({ code: 2, err: expect.stringContaining("--head draws attention itself") });
  expect(none).toMatchObject({ code: 1, err: expect.stringContaining("has no attention") });
  const without = await run("explain", scene, "--method", "all", "--json");
  expect(without.err).toContain("note (attention-rollout): left out. attentionRollout follows attention");
});

it("--method all names what a network's structure rules out and goes on", async () => {
  const { code, out, err } = await run("explain", scene, "--model", "models/petshop-flatten.onnx", "--method", "all");
  expect(code).toBe(0);
  expect(err).toContain("note (cam): left out. CAM needs a network that ends in global average pooling");
  expect(out).toContain("grad-cam at");
});

it("--budget ends slow methods with what they have, shared among all of them, and is no flag of quick ones", async () => {
  const [rise, all, quick, wrong] = await Promise.all([
    run("explain", scene, "--method", "rise", "--masks", "200000", "--budget", "300ms", "--json"),
    run("explain", scene, "--methods", "saliency,rise,lime", "--masks", "200000", "--budget", "1s", "--json"),
    run("explain", scene, "--method", "saliency", "--budget", "1s"),
    run("explain", scene, "--method", "rise", "--budget", "2"),
  ]);
  expect(rise.err).toMatch(/note \(rise\): The answer of \d+ of 200000 passes/);
  expect(rise.err).toMatch(/takes about \d+ minutes for 200000 passes; --budget/);
  expect(all.code).toBe(0);
  expect(all.err).toMatch(/note \(rise\): The answer of \d+ of 200000 passes/);
  expect(quick.code).toBe(2);
  expect(quick.err).toMatch(/--budget belongs to .*rise.*, not to saliency/);
  expect(wrong.code).toBe(2);
  expect(wrong.err).toContain("expected a time, for example 2s, 500ms or 1m");
});
