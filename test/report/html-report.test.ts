import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type Attribution,
  decodeImage,
  gradCam,
  htmlReport,
  type ImageLike,
  loadModel,
  lrp,
  type Model,
  OptionError,
  Tensor,
} from "../../src/index";
import { commonScale } from "../../src/report/common-scale";
import { html, Markup } from "../../src/report/markup";
import { fitted, pictureWriter } from "../../src/report/picture-text";
import fc from "../seeded";

let model: Model;
let photo: ImageLike;
let map: Attribution;
let relevance: Attribution;
beforeAll(async () => {
  model = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
  photo = await decodeImage(new Uint8Array(readFileSync("examples/images/scene-cat-00.png")));
  map = await gradCam(model, photo);
  relevance = await lrp(model, photo);
});

/** Every address that the page names in an attribute which loads something. */
const addresses = (page: string): string[] =>
  [...page.matchAll(/\s(?:src|href|action|srcset|poster|data)="([^"]*)"/g)].map(([, address]) => address);

describe("htmlReport", () => {
  it("is one file with everything in it", async () => {
    const predictions = await model.predict(photo, { top: 3 });
    const page = htmlReport([map, relevance], {
      title: "Cats",
      photos: photo,
      names: ["cat.png", "cat.png"],
      predictions: [predictions, predictions],
      models: model,
    });
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).toContain("<title>Cats</title>");
    expect(page).toContain("default-src &#39;none&#39;; img-src data:");
    expect(page).not.toMatch(/<script|<link|@import|url\(/);
    expect(addresses(page).filter((address) => !/^(#|data:image\/jpeg;base64,)/.test(address))).toEqual([]);
    // The photograph, and a map for each method.
    expect(page.match(/<img src="data:image\/jpeg;base64,[\w+/]+=*"/g)).toHaveLength(3);
    expect(page).toContain(`${(100 * predictions[0].probability).toFixed(1)} %`);
    for (const { recipe, notes } of [map, relevance]) {
      expect(page).toContain(recipe.modelHash);
      for (const { message } of notes) expect(page).toContain(html`${message}`.text);
    }
    expect(page).toContain(`speaks for the answer of ${model.name}.`);
    expect(page).toContain("multiply–adds");
    expect(page).toContain("Grad-CAM");
  });

  it("sets figures of one's own before the pictures, and refuses tables that are not whole", () => {
    const whole = { title: "Who <won>", columns: ["method", "figure"], rows: [["grad-cam", 0.5]], remarks: ["A & B"] };
    const page = htmlReport(map, { tables: [whole] });
    expect(page.indexOf("Who &lt;won&gt;</h2>")).toBeLessThan(page.indexOf('<h2 id="s2">'));
    expect(page).toMatch(/<th scope="row">grad-cam<\/th><td class="n">0\.5<\/td>/);
    expect(page).toContain("<li>A &amp; B</li>");
    const said = htmlReport(map, { tables: [{ ...whole, lead: "Read <this>", caption: "Of two" }] });
    for (const text of ["<p>Read &lt;this&gt;</p>", "<caption>Of two</caption>", "How to read the maps"])
      expect(said).toContain(text);
    expect(htmlReport([], { tables: [whole] })).toContain("Who &lt;won&gt;");
    const wrong = [
      ...[undefined, {}, { ...whole, title: 1 }, { ...whole, rows: [["short"]] }, { ...whole, rows: [["a", null]] }],
      ...[
        { ...whole, columns: "two" },
        { ...whole, rows: ["ab"] },
        { ...whole, remarks: [1] },
      ],
    ];
    for (const table of wrong) {
      expect(() => htmlReport(map, { tables: [whole, table] as never })).toThrow(
        new OptionError(
          "tables[1] must be { title, lead?, caption?, columns, rows, remarks? }, each row with a text or number for each column.",
        ),
      );
    }
    expect(() => htmlReport(map, { tables: whole as never })).toThrow(OptionError);
    expect(() => htmlReport([], { tables: [] })).toThrow("at least one attribution");
  });

  it("draws maps without photographs, and says so of values without places", async () => {
    expect(htmlReport(map).match(/<img /g)).toHaveLength(1);
    const dense = await lrp(model, photo, { layer: "gap" });
    const flat = { ...dense, byInput: dense.byInput, values: new Tensor(new Float32Array(4), [1, 4]) } as Attribution;
    expect(htmlReport(flat)).toContain("4 values without places in the picture");
  });

  it("refuses a layer that is no name, and shows what else was damaged as what it is", () => {
    for (const layer of [new Map(), null, { map: 3 }]) {
      expect(() => htmlReport({ ...map, byInput: map.byInput, layer } as never)).toThrow(
        "layer must be a layer's name",
      );
    }
    for (const odd of [null, new Map(), { map: "<b>" }, Symbol("a")])
      expect(html`<p>${odd as never}</p>`.text).toMatch(/^<p>[^<>]*<\/p>$/);
  });

  it("keeps pictures of noise small, too", () => {
    const data = Uint8Array.from({ length: 640 * 480 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) % 256);
    const write = pictureWriter(200);
    const noise = Array.from({ length: 4 }, () => write((side) => fitted({ width: 640, height: 480, data }, side)));
    for (const { url } of noise) expect(url.length * 200).toBeLessThan(9e6);
  });

  it("shows one value in one colour in every picture of a method", () => {
    const fainter = {
      ...map,
      byInput: map.byInput,
      values: new Tensor(
        map.values.data.map((value) => value / 4),
        map.values.shape,
      ),
    };
    const [strong, faint, other] = commonScale([map, fainter as Attribution, relevance]);
    expect(Math.max(...(strong.map?.data ?? []))).toBeCloseTo(1, 5);
    expect(Math.max(...(faint.map?.data ?? []))).toBeCloseTo(0.25, 5);
    expect(faint.strongest).toBe(strong.strongest);
    expect((faint.own ?? 0) * 4).toBeCloseTo(strong.own ?? 0, 5);
    expect(other.strongest).not.toBe(strong.strongest);
    expect(other.map?.signed).toBe(true);
  });

  it("keeps hostile texts as texts", () => {
    const evil = `"><img src=x onerror=alert(1)><script>alert(1)</script>\u202e\u0000`;
    const hostile = {
      ...map,
      byInput: map.byInput,
      target: { ...map.target, label: evil },
      layer: evil,
    } as Attribution;
    const page = htmlReport(hostile, { title: evil, names: [evil], photos: photo });
    expect(page).not.toMatch(/<script|<img src=x|onerror=alert\(1\)>|\u202e/);
    expect(page).not.toContain("\u0000");
    expect(page).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
  });

  it("says what is wrong with options", () => {
    expect(() => htmlReport([])).toThrow("at least one attribution");
    expect(() => htmlReport(map, { photos: [photo, photo] })).toThrow(
      "photos must be a list with an entry for each of the 1",
    );
    expect(() => htmlReport(map, { names: ["a", "b"] })).toThrow("names must be a list");
    expect(() => htmlReport(map, { photos: { "cat.png": photo } })).toThrow("pass names");
    expect(() => htmlReport(map, { title: 5 as unknown as string })).toThrow(OptionError);
    expect(() => htmlReport(gradCam(model, photo) as unknown as Attribution)).toThrow("a promise: await it first");
  });
});

it("lets no text become HTML", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const written = html`${text}`.text;
      expect(written).not.toMatch(/[<>"'`]/);
      expect(written).not.toMatch(/&(?!(amp|lt|gt|quot|#39|#96);)/);
      expect(new TextDecoder().decode(new TextEncoder().encode(written))).toBe(written);
    }),
  );
  expect(html`${["<", new Markup("<b>"), undefined, false, 3]}`.text).toBe("&lt;<b>3");
});
