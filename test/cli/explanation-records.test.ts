import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { expect, it } from "vitest";
import { type ExplanationRecord, openRecords } from "../../src/cli/explanation-records";
import { explanationTable } from "../../src/cli/explanation-table";
import { pictureFiles } from "../../src/cli/picture-files";
import { decodeImage, gradCam, loadModel } from "../../src/index";

const path = join(mkdtempSync(join(tmpdir(), "seethrough-")), "state.jsonl");

const explained = async (): Promise<ExplanationRecord> => {
  using model = await loadModel();
  const picture = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
  const attribution = await gradCam(model, picture);
  const { method, target, notes, recipe, values } = attribution;
  return {
    ...{ image: "=cat.png", digest: "1 2", model: "petshop", says: "cat" },
    predictions: await model.predict(picture),
    explanations: [{ method, target, notes, recipe, shape: values.shape, box: { x: 1, y: 2, width: 3, height: 4 } }],
    attributions: [attribution],
  };
};

it("records come back to the bit, of the same request, picture and network alone", async () => {
  const record = await explained();
  await (await openRecords(path, { methods: ["grad-cam"] })).add(record);
  const again = await openRecords(path, { methods: ["grad-cam"] });
  const found = again.find("=cat.png", "1 2", "petshop");
  expect(found?.explanations).toEqual(record.explanations);
  expect(found?.attributions?.[0].values).toEqual(record.attributions?.[0].values);
  expect(found?.attributions?.[0].placement).toEqual(record.attributions?.[0].placement);
  expect(again.find("=cat.png", "1 3", "petshop")).toBeUndefined();
  expect(again.find("=cat.png", "1 2", "other")).toBeUndefined();
  await expect(openRecords(path, { methods: ["lrp"] })).rejects.toThrow(
    "is of another network, or of other methods or options",
  );
  writeFileSync(path, readFileSync(path, "utf8").replace(/"float32":"..../, '"float32":"'));
  await expect(openRecords(path, { methods: ["grad-cam"] })).rejects.toThrow(/state\.jsonl, line 2, is no record/);
});

it("a table is no formula's way into a spreadsheet", async () => {
  const failure = { image: 'a,"b".png', model: "petshop", message: "=1+1" };
  const rows = parse(explanationTable([await explained()], [failure]), { columns: true }) as Record<string, string>[];
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({ image: "'=cat.png", method: "grad-cam", x: "1", height: "4", predicted: "cat" });
  expect(rows[1]).toMatchObject({ image: 'a,"b".png', error: "'=1+1" });
});

it("pictures are found once, without their masks, and a file without an ending is one", async () => {
  const found = await pictureFiles(["examples/images", "examples/images/scene-cat-00.png", "photo"]);
  const ids = found.map(({ id }) => id);
  expect(ids.filter((id) => id === "scene-cat-00.png")).toHaveLength(1);
  expect(ids.some((id) => id.includes("mask"))).toBe(false);
  expect(ids.at(-1)).toBe("photo");
  await expect(pictureFiles(["docs/api"])).rejects.toThrow("docs/api has no PNG, JPEG or WebP files.");
});
