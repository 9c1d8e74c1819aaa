/** Tables of the documents that repeat what the library knows. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { methodTable } from "../../src/methods/table";
import { noteCodes } from "../../src/notes";

/** The rows of every table of a page, as cells. */
const rowsOf = (path: string): string[][] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.slice(2, -2).split(" | "));

describe("docs/notes.md", () => {
  it("lists every code once, and no other", () => {
    const listed = rowsOf("docs/notes.md").flatMap(([code]) => /^`([a-z-]+)`$/.exec(code)?.slice(1) ?? []);
    expect(listed.sort()).toEqual([...noteCodes].sort());
  });
});

describe("docs/methods.md", () => {
  it("says what each method costs", () => {
    const rows = rowsOf("docs/methods.md").filter((cells) => cells.length === 6);
    const headings = rows.filter(([first]) => first === "function");
    expect(new Set(headings.map((cells) => cells[4]))).toEqual(new Set(["passes"]));
    const said = rows.flatMap((cells) => (cells[0] === "function" ? [] : [[cells[1], cells[4]]]));
    expect(said.sort(), "rows of six cells, none of them empty").toEqual(
      methodTable.map(({ name, passes }) => [`\`${name}\``, passes]).sort(),
    );
  });
});

describe("README.md", () => {
  it("says what each method that it shows costs", () => {
    const costs = new Map(methodTable.map(({ call, passes }) => [`\`${call}\``, passes]));
    const rows = rowsOf("README.md").filter(([call, picture]) => costs.has(call) && picture.startsWith("<img"));
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.map(([call, , , , passes]) => [call, passes])).toEqual(rows.map(([call]) => [call, costs.get(call)]));
  });
});
