/** Class names from files, and networks whose numbers are no classes, on the command line. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { encodePng } from "../../src/index";
import { casePicture } from "../case-picture";
import { describeShared, sharedPath } from "../shared-folder";
import { run } from "./run";

const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
afterAll(() => rmSync(folder, { recursive: true }));

describeShared("labels on the command line", () => {
  const picture = join(folder, "picture.png");
  const written = (name: string, text: string | Uint8Array): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it("are lines, a JSON list or an object, and name both classes of one sigmoid", async () => {
    const data = Uint8Array.from(casePicture().data, (value) => Math.round(value * 255));
    writeFileSync(picture, await encodePng({ data, width: 16, height: 16 }));
    const model = sharedPath("cases/one-sigmoid/model.onnx");
    const explain = (file: string, target: string) =>
      run("explain", picture, "--model", model, "--labels", file, "--target", target, "--method", "saliency", "--json");
    for (const file of [
      written("a.txt", "cat\ndog\n"),
      written("b.json", '["cat", "dog"]'),
      written("windows.txt", "\ufeffcat\r\ndog\r\n"),
      written("windows-16.txt", Buffer.from("\ufeffcat\r\ndog\r\n", "utf16le")),
      written("c.json", '{ "0": "cat", "1": "dog" }'),
    ]) {
      const { out, err } = await explain(file, "dog");
      expect(err).not.toContain("one score");
      const { predictions, explanations } = JSON.parse(out);
      expect(predictions.map(({ label }: { label: string }) => label)).toEqual(["cat", "dog"]);
      expect(predictions[1].probability).toBeCloseTo(0.211216, 5);
      expect(explanations[0].target.label).toBe("dog");
    }
    const { code, err } = await explain(written("d.txt", "background\ncat\ndog"), "dog");
    expect(err).toMatch(/--labels .*d\.txt has 3 names, the output "p" \(1×1\) has 1 class/);
    expect(code).toBe(1);
  });

  it("a detector needs a target", async () => {
    const model = sharedPath("cases/boxes-beside-classes/model.onnx");
    const words = ["explain", picture, "--model", model, "--method", "saliency"];
    const silent = await run(...words);
    expect(silent.code).toBe(1);
    expect(silent.err).toMatch(/is a detector's.*--output "pc"/);
    const aimed = await run(...words, "--target", "5", "--json");
    expect(aimed.code).toBe(0);
    expect(JSON.parse(aimed.out)).toMatchObject({ predictions: [], explanations: [{ target: { index: 5 } }] });
  });
});
