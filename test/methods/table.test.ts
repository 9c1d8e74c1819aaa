/** The lists of methods agree: each has its function, its words, and of many passes how they begin. */
import { expect, it } from "vitest";
import { beginningOf } from "../../src/attribution/passes";
import type { MethodOptions } from "../../src/explain/explain";
import { methodFunctions } from "../../src/explain/methods";
import * as library from "../../src/index";
import { allMethods, methodWords } from "../../src/methods/table";

type OptionsOf<Method> = Method extends { readonly options: readonly (infer Group)[] }
  ? Group extends unknown
    ? keyof Group
    : never
  : never;

/** The compiler refuses an option of some method that `explain` does not take. */
const options: [Exclude<OptionsOf<(typeof allMethods)[number]>, keyof MethodOptions | "targets">] extends [never]
  ? true
  : never = true;

it("every method of the table has its function, and the package exports it", () => {
  expect(options).toBe(true);
  expect(Object.keys(methodFunctions).sort(), "src/explain/methods.ts beside src/methods/table.ts").toEqual(
    allMethods.map(({ call }) => call).sort(),
  );
  const exported = new Map<string, unknown>(Object.entries(library));
  const missing = Object.entries(methodFunctions).filter(([call, method]) => exported.get(call) !== method);
  expect(
    missing.map(([call]) => call),
    "methods that src/api.ts does not export",
  ).toEqual([]);
});

it("every method of the table has its words", () => {
  expect(Object.keys(methodWords).sort()).toEqual(allMethods.map(({ name }) => name).sort());
});

it("a method begins as a pool divides it where the table says that it is divided, and no other does", () => {
  const begins = Object.entries(methodFunctions).flatMap(([call, method]) => (beginningOf(method) ? [call] : []));
  expect(begins.sort()).toEqual(allMethods.flatMap((facts) => ("divided" in facts ? [facts.call] : [])).sort());
});
