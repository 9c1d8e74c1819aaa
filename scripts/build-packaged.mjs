// Compiles the kernels and wraps what the package carries as modules: the kernels and the default model.
// Inline bytes work in every runtime without a bundler; `#kernels` and `#default-model` in package.json choose them.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const decode = `const binary = atob(text);
const bytes = new Uint8Array(binary.length);
for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
export default bytes;
`;
const inline = (file) => `const text = "${readFileSync(file).toString("base64")}";\n${decode}`;

execFileSync("node_modules/.bin/asc", ["--config", "asconfig.json", "--target", "simd"], { stdio: "inherit" });
mkdirSync("dist/packaged", { recursive: true });
writeFileSync("dist/packaged/kernels.js", inline("build/kernels.wasm"));
writeFileSync("dist/packaged/default-model.js", inline("models/petshop.onnx"));
