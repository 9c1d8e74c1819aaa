import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

/**
 * Which folder of src may import which: a layer sees the layers of its row and nothing else. `docs/architecture.md`
 * shows the same table.
 */
const base = [
  "tensor",
  "errors",
  "checks",
  "nearest",
  "notes",
  "own-copy",
  "limits",
  "json-text",
  "addresses",
  "guard",
  "join-bytes",
  "bytes",
  "turns",
  "version",
  "workers",
];
const allowed: Readonly<Record<string, readonly string[]>> = {
  tensor: ["errors", "bytes"],
  errors: [],
  checks: ["errors", "nearest", "addresses", "guard"],
  nearest: [],
  notes: [],
  "own-copy": ["tensor"],
  limits: ["errors", "checks"],
  "json-text": ["limits"],
  guard: ["errors"],
  addresses: ["join-bytes"],
  "join-bytes": [],
  version: [],
  bytes: [],
  turns: ["checks"],
  workers: [],
  wasm: [...base],
  graph: [...base],
  operation: ["graph", "wasm", ...base],
  operators: ["operation", "graph", "wasm", ...base],
  compile: ["operators", "operation", "graph", "wasm", ...base],
  onnx: ["operators", "graph", ...base],
  tfjs: ["compile", "operators", "graph", ...base],
  tflite: ["tfjs", "compile", "operators", "graph", ...base],
  engine: ["compile", "operators", "operation", "graph", "wasm", ...base],
  image: ["wasm", ...base],
  methods: [...base],
  view: ["methods", "image", "wasm", "generated", ...base],
  model: ["engine", "image", "onnx", "tfjs", "tflite", "compile", "operators", "operation", "graph", "wasm", ...base],
  detect: ["model", "image", ...base],
  random: base,
  pace: ["model", ...base],
  attribution: [
    ...["pace", "random", "methods", "model", "engine", "view", "image", "compile", "operators", "operation", "graph"],
    "wasm",
    ...base,
  ],
  explain: [
    ...["attribution", "detect", "pace", "random", "methods", "model", "engine", "view", "image", "operators"],
    ...["operation", "graph", "wasm"],
    ...base,
  ],
  deconvolution: ["pace", "model", "onnx", "operators", "operation", "graph", "wasm", ...base],
  search: ["attribution", "pace", "model", "view", "image", "operation", "wasm", ...base],
  generated: [],
  "no-default-model": [...base],
  "load-default-model": ["no-default-model", "model", ...base],
  "load-model": ["load-default-model", "generated", "model", "wasm", ...base],
  dissect: ["attribution", "pace", "random", "model", "image", "operation", ...base],
  rewrite: [
    ...[
      "attribution",
      "pace",
      "model",
      "engine",
      "onnx",
      "image",
      "compile",
      "operators",
      "operation",
      "graph",
      "wasm",
    ],
    ...base,
  ],
  trust: [
    ...["methods", "rewrite", "attribution", "pace", "random", "model", "view", "image"],
    ...["operators", "operation", "graph", "wasm"],
    ...base,
  ],
  audit: [
    ...["methods", "trust", "rewrite", "explain", "attribution", "pace", "random"],
    ...["model", "view", "image", "graph"],
    ...base,
  ],
  concepts: ["search", "explain", "attribution", "pace", "model", ...base],
  report: ["concepts", "search", "audit", "methods", "attribution", "model", "view", "image", ...base],
  visualize: ["attribution", "pace", "random", "model", "image", "operation", "graph", "wasm", ...base],
  "decode-image": ["image", "generated", ...base],
  pooling: ["deconvolution", "load-model", ...base],
  // Of the entries' code, the worker and the fallback bring what loads a model.
  pool: [
    "concepts",
    "detect",
    "methods",
    "api",
    "explain",
    "attribution",
    "model",
    "wasm",
    "load-model",
    "load-default-model",
    // What the worker's script leaves out is sent to it.
    "generated",
    ...base,
  ],
  cli: ["index", "pool"],
};

/** What the outside imports: they may import anything. */
const entries: ReadonlySet<string> = new Set([
  "index",
  "api",
  "workerd",
  "edge-light",
  "slim",
  "pool-worker",
  "kernel-thread",
  "pool-workerd",
  "pool-edge-light",
]);

const source = fileURLToPath(new URL("../src/", import.meta.url));

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));

/** The layer of a file: its first folder, or its own name at the top. */
const layerOf = (path: string): string =>
  relative(source, path)
    .replace(/(\.d)?\.[jt]s$/, "")
    .split("/")[0];

/** What a text imports, statically, for its types alone, or on demand. */
const importsOf = (text: string): string[] =>
  [...text.matchAll(/(?:from |import\()"(\.[^"]+)"/g)].map(([, specifier]) => specifier);

/**
 * The rings of files that import each other, types and what is loaded on demand included: of two such files neither can be read, moved
 * or tried without the other.
 */
function rings(files: ReadonlyMap<string, string>): string[][] {
  const fileOf = (from: string, specifier: string): string => `${join(dirname(from), specifier)}.ts`;
  const imported = new Map(
    [...files].map(([path, text]) => [path, importsOf(text).map((specifier) => fileOf(path, specifier))]),
  );
  // What no file of the rest imports, and what imports no file of the rest, is in no ring.
  let rest = new Set(files.keys());
  for (;;) {
    const within = (path: string): string[] => (imported.get(path) ?? []).filter((other) => rest.has(other));
    const targets = new Set([...rest].flatMap(within));
    const left = new Set([...rest].filter((path) => targets.has(path) && within(path).length > 0));
    if (left.size === rest.size) break;
    rest = left;
  }
  return [...rest].map((path) => [path, ...(imported.get(path) ?? []).filter((other) => rest.has(other))]);
}

/** Every import that its layer does not allow, as `from → to`. */
function forbiddenImports(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, text]) => {
    const layer = layerOf(path);
    if (entries.has(layer)) return [];
    return importsOf(text)
      .map((specifier) => layerOf(join(dirname(path), specifier)))
      .filter((imported) => imported !== layer && !allowed[layer]?.includes(imported))
      .map((imported) => `${relative(source, path)} → ${imported}`);
  });
}

const files = new Map(filesUnder(source).map((path) => [path, readFileSync(path, "utf8")]));

it("imports point in one direction", () => {
  expect(files.size).toBeGreaterThan(40);
  expect(forbiddenImports(files)).toEqual([]);
});

it("docs/architecture.md has a row for every layer", () => {
  const rows = readFileSync(new URL("../docs/architecture.md", import.meta.url), "utf8").matchAll(/^\| (`[^|]+`) \|/gm);
  const named = new Set([...rows].flatMap(([, cell]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name)));
  const layers = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const missing = layers.map(({ name }) => name).filter((name) => name !== "generated" && !named.has(name));
  expect(missing).toEqual([]);
});

it("names an edge that points the wrong way", () => {
  const wrong = new Map([[join(source, "graph/ir.ts"), 'import { conv } from "../operators/convolution";']]);
  expect(forbiddenImports(wrong)).toEqual(["graph/ir.ts → operators"]);
});

it("no files import each other in a ring", () => {
  expect(rings(files)).toEqual([]);
});

it("names the files of a ring, through what is loaded on demand too", () => {
  const ring = new Map([
    ["a.ts", 'import type { B } from "./b";'],
    ["b.ts", 'const c = await import("./c");'],
    ["c.ts", 'export { a } from "./a";'],
    ["d.ts", 'import { a } from "./a";'],
    ["e.ts", "export const e = 1;"],
  ]);
  expect(rings(ring)).toEqual([
    ["a.ts", "b.ts"],
    ["b.ts", "c.ts"],
    ["c.ts", "a.ts"],
  ]);
});

/** Folders of test that are about more than a folder of src. */
const acrossTheLibrary = new Set([
  ...[
    "bench",
    "documents",
    "examples",
    "fused",
    "hostile",
    "kernels",
    "models",
    "packaging",
    "reference",
    "runtimes",
    "threads",
  ],
]);

it("tests lie as the source lies", () => {
  const folders = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  const tests = fileURLToPath(new URL(".", import.meta.url));
  const known = new Set([...folders(source), ...acrossTheLibrary]);
  expect(folders(tests).filter((folder) => !known.has(folder))).toEqual([]);
});
