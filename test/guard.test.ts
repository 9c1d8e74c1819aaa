import { expect, it } from "vitest";
import { InternalError } from "../src/errors";
import { entryOf } from "../src/guard";

it("takes what a map has, and names the key of what it has not", () => {
  const map = new Map<string, number | undefined>([
    ["a", 1],
    ["b", undefined],
  ]);
  expect(entryOf(map, "a")).toBe(1);
  expect(entryOf(map, "b")).toBeUndefined();
  expect(() => entryOf(map, "c")).toThrow(InternalError);
  expect(() => entryOf(map, "c")).toThrow("Nothing is known of c.");
});
