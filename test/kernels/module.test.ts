import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { fieldsOf, floatFields, type RecordName } from "../../src/wasm/geometry.js";
import { isFused, module } from "./harness.js";

const source = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");

describe("the module", () => {
  it("imports nothing", () => {
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  });

  it(`exports the interface Kernels and ${isFused ? "the probe" : "nothing else"}`, () => {
    const text = source("../../src/wasm/kernels.ts").split("export interface Kernels {")[1];
    const members = [...text.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm)].map((m) => m[1]);
    expect(
      WebAssembly.Module.exports(module)
        .map((e) => e.name)
        .sort(),
    ).toEqual([...members, ...(isFused ? ["probe"] : [])].sort());
  });

  it("reads the geometry records in the order they are written", () => {
    const text = source("../../assembly/geometry.ts");
    const records = [...text.matchAll(/export class (\w+)[^{]*\{([^}]*)\}/g)];
    expect(records.length).toBe(12);
    for (const [, name, body] of records) {
      const fields = [...body.matchAll(/^ {2}(\w+): (\w+);/gm)];
      expect(fields.map((f) => f[1])).toEqual(fieldsOf(name as RecordName));
      for (const [, field, type] of fields) expect(type === "f32").toBe(floatFields.has(field));
    }
  });
});
