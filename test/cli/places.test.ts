/** `--position` of the commands, and folders of pictures in other formats. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, loadModel } from "../../src/index";
import { writeOnnx } from "../../src/onnx/writer";
import { graphOf, randomFloats, randomIntegers } from "../graph/build";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));
const place = (name: string): string => join(folder, name);

describe("places of an output map", () => {
  const maps = place("maps.onnx");
  const pixels = place("pixels");
  beforeAll(() => {
    const nodes: Parameters<typeof graphOf>[0]["nodes"] = [["Conv", ["x", "w"], ["y"], { pads: [1, 1, 1, 1] }]];
    const w = randomFloats(randomIntegers(3), [2, 3, 3, 3]);
    writeFileSync(maps, writeOnnx(graphOf({ inputs: { x: [1, 3, 8, 8] }, constants: { w }, nodes })));
    mkdirSync(pixels);
    copyFileSync("test/image/files/lossy.webp", join(pixels, "photo.webp"));
  });

  it("are aimed at by evaluate and visualize, and folders may hold WebP", async () => {
    const aim = ["--model", maps, "--target", "1", "--position", "2,3"];
    const judged = await run("evaluate", pixels, ...aim, "--methods", "saliency", "--json");
    expect(judged.code).toBe(0);
    const [image] = JSON.parse(judged.out).images;
    expect(image.image).toBe(join(pixels, "photo.webp"));
    const model = await loadModel(new Uint8Array(readFileSync(maps)));
    const { output } = await model.run(await decodeImage(new Uint8Array(readFileSync(join(pixels, "photo.webp")))));
    expect(image.target.index).toBe(1);
    const [other, asked] = output.data.slice((2 * 8 + 3) * 2);
    expect(image.probability).toBeCloseTo(1 / (1 + Math.exp(other - asked)), 5);
    const liked = await run("visualize", ...aim, "--steps", "1");
    expect(liked.out).toMatch(/^class 1 at 2, 3, as maps\.onnx likes it best/);
    const far = await run("visualize", "--model", maps, "--target", "1", "--position", "8,0");
    expect(far).toMatchObject({ code: 1, out: "" });
    expect(far.err).toContain("rows 0 to 7");
    const found = await run("search", pixels, "--model", maps, "--layer", "y", "--json");
    expect(found.out).toContain("photo.webp");
  });
});
