import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** Runs one module of the documents with the built package, as a reader would. */
const run = (code: string): string =>
  execFileSync("node", ["--input-type=module", "--eval", code], { encoding: "utf8" });

/**
 * What a snippet says it prints: the text behind `//  ` (two blanks), up to an ellipsis or a colon that begins a remark.
 */
const promised = (code: string): string[] =>
  [...code.matchAll(/\/\/ {2}(.+)$/gm)].map(([, text]) =>
    text
      .replace(/^Wᵀ·y: /, "")
      .replace(/(…|: no ).*$/, "")
      .trim(),
  );

const flat = (text: string): string => text.replace(/\s+/g, " ");

for (const file of ["docs/deconvolution.md"]) {
  describe(file, () => {
    const snippets = [...readFileSync(file, "utf8").matchAll(/```js\n([\s\S]+?)```/g)].map(([, code]) => code);
    expect(snippets.length).toBeGreaterThan(2);
    snippets.forEach((code, i) => {
      it(`snippet ${i + 1} runs and prints what it says`, () => {
        const printed = flat(run(code));
        const expected = promised(code);
        expect(expected.length).toBeGreaterThan(0);
        for (const text of expected) expect(printed).toContain(flat(text));
      });
    });
  });
}
