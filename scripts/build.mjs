// Builds dist/: compiles the kernels, bundles the entries with everything they need, and puts the kernels and the embedded
// model beside them.
import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { colormapSteps } from "./colormaps.mjs";
import { bundledPackages, thirdPartyNotices } from "./third-party.mjs";

const base64 = (file) => readFileSync(file).toString("base64");

rmSync("dist", { recursive: true, force: true });
execFileSync("node_modules/.bin/asc", ["--config", "asconfig.json", "--target", "simd"], { stdio: "inherit" });
writeFileSync("src/generated/kernels.js", `export const kernelsText = "${base64("build/kernels.wasm")}";\n`);
writeFileSync("src/generated/colormaps.js", `export const colormapSteps = ${JSON.stringify(colormapSteps())};\n`);
writeFileSync(
  "src/default-model.js",
  `const decode = (text) => {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
};
export default /* @__PURE__ */ decode("${base64("models/petshop.onnx")}");
`,
);
execFileSync("node_modules/.bin/tsup", { stdio: "inherit" });

const metafile = "dist/metafile-esm.json";
writeFileSync("dist/third-party-notices.txt", thirdPartyNotices(bundledPackages(JSON.parse(readFileSync(metafile)))));
rmSync(metafile);

// After tsup, which removes declarations that it did not write.
copyFileSync("build/kernels.wasm", "dist/kernels.wasm");
writeFileSync("dist/kernels.wasm.d.ts", "declare const module: WebAssembly.Module;\nexport default module;\n");
copyFileSync("src/default-model.js", "dist/default-model.js");
writeFileSync(
  "dist/default-model.d.ts",
  `/** The embedded pet-shop classifier (ONNX), for \`loadModel\` where it cannot fetch or read files. */
declare const bytes: Uint8Array<ArrayBuffer>;
export default bytes;
`,
);
