/** `seethrough detect` and `explain --detection`. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, detect, encodePng, hiResCam, loadModel } from "../../src/index";
import { yoloV8 } from "../detect/networks";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));
const place = (name: string): string => join(folder, name);
const [file, photo, labels] = ["yolo.onnx", "photo.png", "labels.txt"].map(place);
const aim = [photo, "--model", file, "--labels", labels, "--threshold", "0.6"];

beforeAll(async () => {
  writeFileSync(file, yoloV8(0));
  writeFileSync(labels, "cat\ndog\nbird\n");
  const data = new Uint8Array(80 * 60 * 3).map((_, i) => (i * 37) % 256);
  writeFileSync(photo, await encodePng({ data, width: 80, height: 60 }));
});

const own = async () => {
  const model = await loadModel(readFileSync(file), { labels: ["cat", "dog", "bird"] });
  const image = await decodeImage(readFileSync(photo));
  return { model, image, found: await detect(model, image, { threshold: 0.6 }) };
};

describe("seethrough detect", () => {
  it("lists boxes, and writes them, their evidence and the map of a class", async () => {
    const { found } = await own();
    const more = ["--explain", "2", "--out", place("boxes.png"), "--class-map", "dog", "--json"];
    const { code, out, err } = await run("detect", ...aim, ...more);
    expect([code, /Say which score is meant/.test(err)]).toEqual([0, false]);
    const { detections, files, model } = JSON.parse(out);
    expect(model).toBe("yolo.onnx");
    expect(detections.map(({ number }: { number: number }) => number)).toEqual(found.map((_, i) => i + 1));
    for (const [i, { number, evidence, ...detection }] of detections.entries()) {
      expect(detection).toEqual(JSON.parse(JSON.stringify(found[i])));
      expect(evidence?.method).toBe(i < 2 ? "hi-res-cam" : undefined);
      if (evidence) {
        expect(evidence.inside).toBeGreaterThanOrEqual(0);
        expect(evidence.area).toBeGreaterThan(0);
        expect(evidence.control.number).not.toBe(number);
        expect(evidence.control.share).toBeGreaterThanOrEqual(0);
      }
    }
    expect(files).toEqual(["boxes.png", "boxes.1.png", "boxes.2.png", "boxes.dog.png"].map(place));
    const pictures = await Promise.all(files.map(async (name: string) => decodeImage(readFileSync(name))));
    for (const { width, height } of pictures) expect(width / height).toBeCloseTo(80 / 60, 1);
    const { out: said } = await run("detect", ...aim, "--top", "1");
    expect(said).toMatch(
      /^.*photo\.png, seen by yolo\.onnx \(yolo-v8\): 1 box\n {2}1 {2}(cat|dog|bird) +\d+\.\d % {3}x -?\d+–\d+, y -?\d+–\d+\n$/,
    );
    const { out: none } = await run("detect", ...aim.slice(0, -1), "1");
    expect(none).toContain(": no boxes");
  }, 60_000);

  it("its numbers are those of explain --detection", async () => {
    const { model, image, found } = await own();
    const png = place("one.png");
    const first = await run("explain", ...aim, "--detection", "2", "--json", "--out", png);
    expect(first.code).toBe(0);
    const [explanation] = JSON.parse(first.out).explanations;
    expect(explanation.method).toBe("hi-res-cam");
    const expected = await hiResCam(model, image, { target: { detection: found[1] } });
    expect(explanation.target).toEqual(JSON.parse(JSON.stringify(expected.target)));
    expect(existsSync(png)).toBe(true);
    const edge = await run("explain", ...aim, "--detection", "1", "--of-box", "left", "--method", "saliency", "--json");
    expect(JSON.parse(edge.out).explanations[0].target.score).toBeCloseTo(found[0].box.x, 2);
    const masked = await run("explain", ...aim, "--detection", "1", "--method", "d-rise", "--masks", "5", "--json");
    expect(JSON.parse(masked.out).explanations[0].method).toBe("d-rise");
  }, 60_000);

  it("says what is wrong", async () => {
    const far = await run("explain", ...aim, "--detection", "999");
    expect(far).toMatchObject({ code: 1 });
    expect(far.err).toMatch(/--detection 999: \d+ boxes are found in it; seethrough detect lists them/);
    const wrong = async (...words: string[]) => {
      const { code, err } = await run(...words);
      expect(code).toBe(2);
      return err;
    };
    expect(await wrong("detect", photo)).toContain("name a detector with --model");
    expect(await wrong("detect", ...aim, "--method", "lrp")).toContain("--method belongs to --explain");
    expect(await wrong("detect", ...aim, "--class-map", "dog")).toContain("name it with --out");
    expect(await wrong("detect", ...aim, "--iou", "2")).toContain("expected a number from 0 to 1");
    expect(await wrong("explain", ...aim)).toContain("--threshold and --iou is of a box");
    expect(await wrong("explain", photo, "--method", "d-rise")).toContain("name it with --detection");
    expect(await wrong("explain", ...aim, "--detection", "1", "--target", "0")).toContain("exclude each other");
    const classifier = await run("detect", photo, "--model", "models/petshop.onnx");
    expect(classifier).toMatchObject({ code: 1, out: "" });
    expect(classifier.err).toContain("no output that is recognised as a detector's");
  }, 60_000);
});
