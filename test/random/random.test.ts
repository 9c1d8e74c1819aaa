import { expect, it } from "vitest";
import { OptionError } from "../../src/index";
import { Random } from "../../src/random/random";

it("refuses a seed that is no finite number", () => {
  for (const seed of ["1", null, undefined, Number.NaN, 5n, Object.create(null), Symbol("s")]) {
    expect(() => new Random(seed as never)).toThrow(OptionError);
    expect(() => new Random(seed as never)).toThrow(/^seed must be a finite number, got /);
  }
  expect(new Random(1.5).uniform()).toBe(new Random(1).uniform());
});
