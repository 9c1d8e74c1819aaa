// Builds dist/: compiles the kernels, bundles the entries with everything they need, and puts the kernels and the embedded
// model beside them. `--runs` leaves out the type declarations, which take longer than all the rest and run nothing.
import { execFileSync } from "node:child_process";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { colormapSteps } from "./colormaps.mjs";
import { makeCommonJs } from "./commonjs.mjs";
import { finishDeclarations } from "./declarations.mjs";
import { buildKernels } from "./kernels.mjs";
import { bundledPackages, noticeRule, thirdPartyNotices } from "./third-party.mjs";

const onlyWhatRuns = process.argv.includes("--runs");

rmSync("dist", { recursive: true, force: true });
buildKernels();
// Hexadecimal digits keep bytes apart, so that gzip still finds what repeats in code; base64 would be a quarter larger.
for (const name of ["kernels", "kernels-fused"]) {
  const kernels = readFileSync(`build/${name}.wasm`).toString("hex");
  writeFileSync(`src/generated/${name}.js`, `export const kernelsText = "${kernels}";\n`);
}
writeFileSync("src/generated/colormaps.js", `export const colormapSteps = ${JSON.stringify(colormapSteps())};\n`);
const codecs = {
  jpeg: "node_modules/@cwasm/jpeg-turbo/jpeg-turbo.wasm",
  webp: "node_modules/@cwasm/webp/webp.wasm",
};
for (const [name, path] of Object.entries(codecs)) {
  writeFileSync(`src/generated/${name}-codec.js`, `export default "${readFileSync(path).toString("hex")}";\n`);
}
// Weights hardly repeat: there base64 is the smaller text.
const petshop = readFileSync("models/petshop.onnx").toString("base64");
writeFileSync(
  "src/default-model.js",
  `const decode = (text) => {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
};
export default /* @__PURE__ */ decode("${petshop}");
`,
);
execFileSync("node_modules/.bin/tsup", onlyWhatRuns ? ["--no-dts"] : [], { stdio: "inherit" });

rmSync("dist/pictures.js");
// esbuild keeps the order of files by importing them bare. None does anything by itself, and a bundler that follows such an
// import takes what the file shares with parts on demand into every page.
for (const name of readdirSync("dist").filter((file) => file.endsWith(".js"))) {
  const text = readFileSync(`dist/${name}`, "utf8");
  writeFileSync(`dist/${name}`, text.replaceAll(/^import "\.\/[^"]+\.js";\n/gm, ""));
}

const metafiles = ["dist/metafile-esm.json", "build/metafile-parts.json"];
const packages = metafiles.flatMap((file) => bundledPackages(JSON.parse(readFileSync(file))));
const bundled = [...new Set([...packages, ...Object.values(codecs).map(dirname)])];
const ofCodecs = readdirSync("scripts/licences").map((name) => readFileSync(`scripts/licences/${name}`, "utf8").trim());
writeFileSync("dist/third-party-notices.txt", [thirdPartyNotices(bundled).trim(), ...ofCodecs, ""].join(noticeRule));
for (const file of metafiles) rmSync(file);

// After tsup, which removes declarations that it did not write.
for (const name of ["kernels.wasm", "kernels-fused.wasm"]) {
  copyFileSync(`build/${name}`, `dist/${name}`);
  writeFileSync(`dist/${name}.d.ts`, "declare const module: WebAssembly.Module;\nexport default module;\n");
}
for (const name of ["pool-worker", "kernel-thread"]) writeFileSync(`dist/${name}.d.ts`, "export {};\n");
for (const [name, path] of Object.entries(codecs)) copyFileSync(path, `dist/${name}-codec.wasm`);
copyFileSync("src/default-model.js", "dist/default-model.js");
writeFileSync(
  "dist/default-model.d.ts",
  `/** The embedded pet-shop classifier (ONNX), for \`loadModel\` where it cannot fetch or read files. */
declare const bytes: Uint8Array<ArrayBuffer>;
export default bytes;
`,
);
finishDeclarations("dist");
await makeCommonJs("dist");
