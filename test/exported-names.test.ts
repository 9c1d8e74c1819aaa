import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const source = join(import.meta.dirname, "../src");
const exported = /^export (?:async |abstract |declare )*(?:const|function\*?|class|interface|type) (\w+)/gm;

/** Entries that bind one function each to their own kernels. */
const entries = /^(?:index|workerd|edge-light|slim|load-model|decode-image|pooling|pool(?:-workerd|-edge-light)?)\.ts$/;
/** An operator has the same name in every vocabulary that knows it. */
const vocabularies = ["operators", "operation/correlation", "compile/lowering", "compile/quantised", "tfjs/operators"];
/** Functions that are called by the name of an operator, and say the same by it. */
const called = ["image/resize-image.ts: resize", "trust/mean-and-deviation.ts: mean"];

it("an exported name means one thing", () => {
  const places = new Map<string, string[]>();
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.startsWith("generated")) continue;
    for (const name of new Set(
      [...readFileSync(join(source, file), "utf8").matchAll(exported)].map(([, own]) => own),
    )) {
      const own = `${file}: ${name}`;
      const isOperator = /^[a-z]/.test(name) && vocabularies.includes(dirname(file));
      const place = entries.test(file) ? "entries" : isOperator ? dirname(file) : called.includes(own) ? "called" : own;
      places.set(name, [...(places.get(name) ?? []), place]);
    }
  }
  expect(places.size).toBeGreaterThan(1000);
  const several = [...places].filter(([, found]) => {
    const others = found.filter((place) => place !== "entries");
    const words = others.filter((place) => place === "called" || vocabularies.includes(place));
    return others.length > 1 && (words.length < others.length || new Set(words).size < words.length);
  });
  expect(several).toEqual([]);
});
