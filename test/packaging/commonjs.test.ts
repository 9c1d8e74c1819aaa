/** The package where only \`require\` is understood: old programs, and Jest as it comes. */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { useConsumer } from "./consumer";

const { folder } = useConsumer();
const run = promisify(execFile);
const jest = fileURLToPath(new URL("node_modules/jest/bin/jest.js", import.meta.url));
const installed = existsSync(jest);
if (!installed) console.log("skipped: Jest; to run it: npm ci --prefix test/packaging");

const program = `
const { readFileSync } = require("node:fs");
const { createPool } = require("seethrough/pool");
const bytes = require("seethrough/default-model").default;
const { loadModel: loadSlim } = require("seethrough/slim");
const library = require("seethrough");
const { decodeImage, encodePng, gradCam, heatmap, kernelShap, loadModel, overlay, Tensor } = library;

exports.explained = async () => {
  const scene = process.env.SCENE;
  const photo = await decodeImage(readFileSync(scene + ".png"));
  const embedded = await loadModel();
  const attribution = await gradCam(embedded, photo);
  const png = await encodePng(overlay(photo, heatmap(attribution)));
  const given = await gradCam(await loadModel(bytes), photo);
  const fromPath = await loadModel(process.env.MODEL);
  const slim = await loadSlim(bytes, { wasm: process.env.KERNELS });
  const values = [...(await gradCam(fromPath, photo)).values.data];
  return {
    label: attribution.target.label,
    png: [...png.subarray(1, 4)],
    same: [given, await gradCam(slim, photo)].every((other) => String(other.values.data) === String(attribution.values.data)),
    values,
    isTensor: attribution.values instanceof Tensor,
    error: await loadModel(new Uint8Array(3)).catch((error) => error instanceof library.ModelError),
    shap: (await kernelShap(embedded, photo, { samples: 20 })).values.data.length,
  };
};

exports.pooled = async () => {
  const photo = await decodeImage(readFileSync(process.env.SCENE + ".png"));
  const pool = await createPool({ size: 2 });
  const attribution = await pool.gradCam(await pool.loadModel(), photo);
  pool.dispose();
  return [...attribution.values.data];
};
`;

const env = (): NodeJS.ProcessEnv => ({
  ...process.env,
  SCENE: fileURLToPath(new URL("../../examples/images/scene-cat-00", import.meta.url)),
  MODEL: fileURLToPath(new URL("../../models/petshop.onnx", import.meta.url)),
  KERNELS: join(folder(), "node_modules/seethrough/dist/kernels.wasm"),
});

describe("require", () => {
  // Node 20.0 to 20.18 and 22.0 to 22.11 cannot require ES modules; the newer ones are told not to.
  it("explains, with the embedded model, codecs and a pool, where ES modules cannot be required", async () => {
    writeFileSync(join(folder(), "program.cjs"), program);
    const script = `const { explained, pooled } = require("./program.cjs");
      explained().then(async (found) => console.log(JSON.stringify({ ...found, pooled: await pooled() })));`;
    const words = process.allowedNodeEnvironmentFlags.has("--no-experimental-require-module")
      ? ["--no-experimental-require-module"]
      : [];
    const { stdout } = await run(process.execPath, [...words, "-e", script], { cwd: folder(), env: env() });
    const found = JSON.parse(stdout);
    expect(found).toMatchObject({ label: "cat", png: [0x50, 0x4e, 0x47], same: true, isTensor: true, error: true });
    expect(found.shap).toBe(96 * 96 * 3);
    expect(found.pooled).toEqual(found.values);
    const own = await import(join(folder(), "node_modules/seethrough/dist/index.js"));
    const { readFileSync } = await import("node:fs");
    const photo = await own.decodeImage(readFileSync(`${env().SCENE}.png`));
    expect(found.values).toEqual([...(await own.gradCam(await own.loadModel(), photo)).values.data]);
  });

  it("Jest runs it as it comes, without flags or a transform", async ({ skip }) => {
    skip(!installed, "npm ci --prefix test/packaging");
    writeFileSync(join(folder(), "program.cjs"), program);
    writeFileSync(
      join(folder(), "explained.test.js"),
      `const { explained } = require("./program.cjs");
      test("explains", async () => {
        const found = await explained();
        expect(found).toMatchObject({ label: "cat", same: true, isTensor: true, error: true });
      }, 60_000);`,
    );
    writeFileSync(join(folder(), "jest.config.json"), JSON.stringify({ testEnvironment: "node", rootDir: folder() }));
    const words = [jest, "--config", join(folder(), "jest.config.json"), "explained.test.js"];
    const { stderr } = await run(process.execPath, words, { cwd: folder(), env: env() });
    expect(stderr).toContain("1 passed");
  });
});
