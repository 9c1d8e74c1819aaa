import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeImage, explain, htmlReport, type ImageLike, loadModel, type Model } from "../../src/index";

const browsers = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const chromium = browsers.find((path) => path && existsSync(path));
const missing = !existsSync("examples/playground/node_modules/axe-core")
  ? "its packages are not installed (npm --prefix examples/playground ci)"
  : chromium === undefined
    ? "there is no Chromium here (apt-get install chromium)"
    : undefined;
if (missing) console.log(`skipped: reports in a browser: ${missing}`);

let folder = "";
let model: Model;
const photos: Record<string, ImageLike> = {};
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "seethrough-pages-"));
  model = await loadModel(new Uint8Array(readFileSync("models/petshop.onnx")));
  for (const name of ["scene-cat-00.png", "scene-fish-02.png", "lawn-cat-02.png"])
    photos[name] = await decodeImage(new Uint8Array(readFileSync(`examples/images/${name}`)));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Seen {
  readonly file: string;
  readonly colorScheme: string;
  readonly wrong: readonly string[];
  readonly asked: readonly string[];
  readonly broken: number;
  readonly background: string;
}

/** Opens pages, light and dark. */
function open(pages: Readonly<Record<string, string>>): readonly Seen[] {
  const files = Object.entries(pages).map(([name, page]) => {
    writeFileSync(join(folder, `${name}.html`), page);
    return join(folder, `${name}.html`);
  });
  return JSON.parse(
    execFileSync("node", ["test/report/browser.mjs", chromium as string, ...files], { encoding: "utf8" }),
  );
}

async function explanations(): Promise<string> {
  const names = Object.keys(photos).flatMap((name) => [name, name]);
  const results = [];
  for (const photo of Object.values(photos))
    for (const method of ["grad-cam", "lrp"] as const) results.push(await explain(model, photo, { method }));
  const predictions = await Promise.all(names.map((name) => model.predict(photos[name], { top: 3 })));
  return htmlReport(results, { photos, names, predictions, models: model });
}

describe("reports", () => {
  it.skipIf(missing)("are accessible, light and dark, and load nothing", { timeout: 600_000 }, async () => {
    const seen = open({ explanations: await explanations() });
    for (const { file, colorScheme, wrong, asked, broken } of seen) {
      expect({ file, colorScheme, wrong, asked, broken }).toEqual({
        file,
        colorScheme,
        wrong: [],
        asked: [],
        broken: 0,
      });
    }
    expect(new Set(seen.map(({ background }) => background)).size).toBe(2);
  });

  it("of a hundred pictures stay below ten megabytes", { timeout: 600_000 }, async () => {
    const map = await explain(model, photos["scene-cat-00.png"], {});
    const many = Array.from({ length: 100 }, () => ({ ...photos["scene-cat-00.png"] }));
    const page = htmlReport(
      many.map(() => map),
      { photos: many },
    );
    expect(page.match(/<img /g)).toHaveLength(200);
    expect(page.length).toBeLessThan(10e6);
  });
});
