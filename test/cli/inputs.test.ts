/** Networks with several inputs on the command line: a file for each, one shown alone, one fixed. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodePng } from "../../src/index";
import { age, fileOf, photoAndAge, photoAndMask } from "../model/inputs/networks";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));
const place = (name: string): string => join(folder, name);
const picture = async (width: number, height: number): Promise<Uint8Array> =>
  encodePng({ data: Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 29) % 256), width, height });

beforeAll(async () => {
  writeFileSync(place("masked.onnx"), fileOf(photoAndMask));
  writeFileSync(place("aged.onnx"), fileOf(photoAndAge));
  writeFileSync(place("photo.png"), await picture(40, 48));
  writeFileSync(place("mask.png"), await picture(20, 24));
  writeFileSync(place("age.csv"), `${[...age.data].join(",")}\n`);
});

const photo = `photo=${place("photo.png")}`;

describe("explain", () => {
  it("takes a file for each input and draws each picture", async () => {
    const words = ["--model", place("masked.onnx"), "--input", photo, "--input", `mask=${place("mask.png")}`];
    const { code, out } = await run(
      "explain",
      ...words,
      "--method",
      "saliency",
      "--target",
      "0",
      "--out",
      place("o.png"),
    );
    expect(code).toBe(0);
    expect(out).toContain("what speaks for class 0 in photo: ");
    expect(out).toContain("what speaks for class 0 in mask: ");
    expect(existsSync(place("o.photo.png")) && existsSync(place("o.mask.png"))).toBe(true);
    const alone = await run("explain", ...words, "--of", "mask", "--target", "0", "--out", place("one.png"));
    expect(alone.out).not.toContain("in photo: ");
    expect(existsSync(place("one.png"))).toBe(true);
    expect((await run("explain", ...words, "--of", "msk")).err).toContain("there are photo, mask");
  });

  it("takes the file without a name for the input that no flag names, and says all as JSON", async () => {
    const words = ["--model", place("aged.onnx"), "--input", `age=${place("age.csv")}`, "--target", "1", "--json"];
    const { code, out, err } = await run("explain", place("photo.png"), ...words, "--method", "occlusion");
    expect(err).not.toContain("seethrough:");
    expect(code).toBe(0);
    const { inputs, explanations } = JSON.parse(out);
    expect(inputs).toEqual({ photo: place("photo.png"), age: place("age.csv") });
    expect(explanations[0].inputs).toMatchObject({ photo: { shape: [1, 12, 10, 3] }, age: { shape: [1, 5] } });
  });

  it("says which file is missing, with the flags that give it", async () => {
    const { code, err } = await run("explain", place("photo.png"), "--model", place("aged.onnx"));
    expect(code).toBe(1);
    expect(err).toContain(
      'has the inputs "photo" (1×12×10×3), "age" (1×5); there is no file for age. Give --input age=FILE',
    );
    expect((await run("explain", "--model", place("aged.onnx"))).code).toBe(2);
    const odd = await run("explain", "--model", place("aged.onnx"), "--input", `fhoto=${place("photo.png")}`);
    expect(odd.err).toContain("has no such input");
  });

  it("fixes an input on every command that loads a network", async () => {
    const fixed = ["--fix", `age=${place("age.csv")}`];
    const model = ["--model", place("aged.onnx"), ...fixed];
    expect((await run("explain", place("photo.png"), ...model)).code).toBe(0);
    expect((await run("project", place("photo.png"), ...model, "--layer", "c")).code).toBe(0);
    expect((await run("inspect", place("aged.onnx"), ...fixed)).out).toContain('input "photo" 1×12×10×3');
    expect((await run("inspect", place("aged.onnx"))).out).toContain('inputs "photo" 1×12×10×3, "age" 1×5');
    const open = await run("visualize", "--model", place("aged.onnx"), "--target", "1", "--steps", "1");
    expect(open.err).toContain("Fix the others: --fix age=VALUE.");
  });
});
