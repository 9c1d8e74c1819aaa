import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import type * as library from "../../src/index";
import type * as slimLibrary from "../../src/slim";
import { importsOf, useConsumer } from "./consumer";

const { folder, dist } = useConsumer();
const load = async <T>(file: string): Promise<T> => (await import(pathToFileURL(dist(file)).href)) as T;
/** The first bytes of a wasm file, in hexadecimal digits. */
const inlineKernels = readFileSync("dist/kernels.wasm").toString("hex").slice(0, 400);

type Entry = string | { readonly [condition: string]: Entry };

describe("the packed package", () => {
  it("has every file that its exports name, and workerd and edge-light come before the default", () => {
    const { exports: entries } = JSON.parse(readFileSync(dist("../package.json"), "utf8"));
    expect(Object.keys(entries)).toEqual([
      ".",
      "./slim",
      "./default-model",
      "./pool",
      "./pool-worker",
      "./kernel-thread",
      "./kernels.wasm",
      "./kernels-fused.wasm",
      "./package.json",
    ]);
    for (const entry of [".", "./pool"]) {
      expect(Object.keys(entries[entry])).toEqual(["require", "types", "workerd", "edge-light", "default"]);
      expect(Object.keys(entries[entry].require)).toEqual(["types", "workerd", "edge-light", "default"]);
    }
    const pathsOf = (entry: Entry): string[] =>
      typeof entry === "string" ? [entry] : Object.values(entry).flatMap(pathsOf);
    for (const path of Object.values<Entry>(entries).flatMap(pathsOf)) {
      expect(readFileSync(dist(`../${path}`)).length, path).toBeGreaterThan(0);
    }
    for (const file of ["kernels.wasm", "kernels-fused.wasm"]) {
      expect([...readFileSync(dist(file)).subarray(0, 4)]).toEqual([0, 97, 115, 109]);
    }
  });

  const reached: Readonly<Record<string, readonly string[]>> = {
    "index.js": [],
    "slim.js": [],
    "workerd.js": ["./kernels.wasm", "./kernels-fused.wasm", "./jpeg-codec.wasm", "./webp-codec.wasm"],
    "edge-light.js": ["./kernels.wasm?module", "./jpeg-codec.wasm?module", "./webp-codec.wasm?module"],
    "pool.js": [],
    "pool-worker.js": [],
    "kernel-thread.js": [],
    "pool-workerd.js": ["./kernels.wasm", "./kernels-fused.wasm"],
    "pool-edge-light.js": ["./kernels.wasm?module"],
  };
  const complete = ["index.js", "pool.js", "pool-worker.js"];
  for (const [entry, wasm] of Object.entries(reached)) {
    it(`${entry} reaches its own files and nothing else, and evaluates no text`, () => {
      const { all, files } = importsOf(dist(entry));
      expect(all.filter((specifier) => !/^\.\/[\w-]+\.js$/.test(specifier))).toEqual(wasm);
      for (const [path, text] of files) {
        const forbidden = /(?<!\.)\beval\s*\(|\bFunction\s*\(|\brequire\s*\(\s*["'`]/.exec(text)?.[0];
        expect(forbidden, path).toBeUndefined();
      }
      const inline = [...files.values()].some((text) => text.includes(inlineKernels));
      expect(inline, "inlined kernels").toBe(complete.includes(entry));
      // Bundlers place the file beside their output wherever they read its address, called or not.
      const embedded = [...files.values()].some((text) => text.includes("./default-model.js"));
      expect(embedded, "the address of the embedded model").toBe(complete.includes(entry));
    });
  }

  it("names the licence of every package it contains", () => {
    const notices = readFileSync(dist("third-party-notices.txt"), "utf8");
    for (const name of [
      "fast-png",
      "fflate",
      "iobuffer",
      "jpeg-js",
      "@cwasm/jpeg-turbo",
      "@cwasm/webp",
      "pbf",
      "@noble/hashes",
      "comlink",
      "fastest-levenshtein",
    ]) {
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((MIT|BSD-3-Clause|Apache-2.0)\\)`, "m"));
    }
    expect(notices).toContain("Permission is hereby granted");
    expect(notices).toContain("based in part on the work of the Independent JPEG Group");
    expect(notices).toContain("Copyright (c) 2010, Google Inc.");
  });

  it("gives every entry the same classes, so that models and errors of one are those of the other", async () => {
    const [main, slim] = [await load<typeof library>("index.js"), await load<typeof slimLibrary>("slim.js")];
    const { default: bytes } = await load<{ default: Uint8Array }>("default-model.js");
    const model = await slim.loadModel(bytes, { wasm: pathToFileURL(dist("kernels.wasm")) });
    const image = { width: 96, height: 96, data: new Uint8Array(96 * 96 * 3).fill(77) };
    const attribution = await main.gradCam(model, image);
    const own = await main.gradCam(await main.loadModel(), image);
    expect(attribution.values.data).toEqual(own.values.data);
    expect(slim.SeethroughError).toBe(main.SeethroughError);
    expect(Object.keys(slim).sort()).toEqual(Object.keys(main).sort());
    expect(folder()).not.toContain("dist");
  });
});
