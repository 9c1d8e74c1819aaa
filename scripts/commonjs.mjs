// Makes dist/cjs/ of dist/: the same files for `require`, file by file, so that the entries share their classes there too.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { transform } from "esbuild";

/** Hosts that take ES modules alone, programs, and the worker's script, which is started from where it lies. */
const notRequired = /^(cli|cli-worker|workerd|edge-light|pool-workerd|pool-edge-light|pool-worker|kernel-thread)\.js$/;

/*
 * `import.meta.url` without `node:url`, which bundlers for browsers do not have. A dynamic import becomes a `require`: test
 * runners that know CommonJS alone cannot do the other. Files beside this one are named by their URL.
 */
const head = `"use strict";
const $here = "file:///" + encodeURI(__filename.replaceAll("\\\\", "/")).replace(/[?#]/g, encodeURIComponent).replace(/^\\//, "");
const $load = async (name) => module.require(name.startsWith("file:") ? "./" + name.slice(name.lastIndexOf("/") + 1) : name);
`;

const comments = String.raw`(?:\s*\/\*[^*]*\*\/)*\s*`;

export async function makeCommonJs(folder) {
  const target = `${folder}/cjs`;
  mkdirSync(target, { recursive: true });
  const names = readdirSync(folder);
  for (const name of names.filter((file) => file.endsWith(".js") && !notRequired.test(file))) {
    const { code } = await transform(readFileSync(`${folder}/${name}`, "utf8"), {
      format: "cjs",
      target: "es2022",
      define: { "import.meta.url": "$here" },
    });
    const required = code
      .replaceAll(new RegExp(`\\bimport\\(${comments}("[^"]+")\\)`, "g"), "Promise.resolve().then(() => require($1))")
      .replaceAll(new RegExp(`\\bimport\\(${comments}`, "g"), () => "$load(")
      .replaceAll(/"\.\/((?:pool-worker|kernel-thread)\.js)"/g, '"../$1"')
      .replace(/^"use strict";\n/, "");
    writeFileSync(`${target}/${name}`, head + required);
  }
  for (const name of names.filter((file) => file.endsWith(".d.ts") && !file.includes("wasm"))) {
    copyFileSync(`${folder}/${name}`, `${target}/${name}`);
  }
  writeFileSync(`${target}/package.json`, '{ "type": "commonjs" }\n');
}
