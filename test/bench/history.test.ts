import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Result } from "../../bench/comparison";
import { slowerThanAgainst, slowerThanBefore } from "../../bench/history";

const result = (more: Partial<Result>): Result => ({
  ...{ kind: "forward", subject: "net", engine: "seethrough", median: 10, deviation: 0, min: 10, rounds: 5 },
  ...{ shareOfPeak: 0.5, error: 0, unrest: 0 },
  ...more,
});

it("names what is more than 5 % slower than another build, of the same network and kind", () => {
  const against = result({ engine: "against", median: 9 });
  expect(slowerThanAgainst([result({}), against])).toEqual([
    "SLOWER: seethrough, net, forward takes 1.11 times as long as there.",
  ]);
  expect(slowerThanAgainst([result({ median: 9.4 }), against])).toEqual([]);
  expect(slowerThanAgainst([result({ kind: "gradient" }), against])).toEqual([]);
});

it("keeps a history, and names what is more than 5 % slower than the median of the last five runs of one machine", () => {
  const file = join(mkdtempSync(join(tmpdir(), "seethrough-")), "history.jsonl");
  const run = (shareOfPeak: number, machine = "a"): string[] =>
    slowerThanBefore(file, [result({ shareOfPeak })], machine);
  expect(run(0.1)).toEqual([]);
  for (let i = 0; i < 5; i++) expect(run(0.5)).toEqual([]);
  expect(run(0.48)).toEqual([]);
  expect(run(0.4)).toEqual([expect.stringContaining("seethrough, net, forward takes 1.25 times as long as in")]);
  expect(run(0.1, "b")).toEqual([]);
  expect(readFileSync(file, "utf8").trim().split("\n")).toHaveLength(9);
  expect(slowerThanBefore(file, [result({ shareOfPeak: undefined })], "a")).toEqual([]);
});
