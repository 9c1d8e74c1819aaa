import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface Runtime {
  readonly id: string;
  readonly name: string;
  /** The command that installs what is missing. */
  readonly missing?: string;
}

interface Report {
  readonly digests: Readonly<Record<string, string>>;
  readonly snippet?: { readonly page: string; readonly printed: string; readonly expected: string };
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = (...args: readonly string[]): string =>
  execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
const runtimes: readonly Runtime[] = JSON.parse(node(here("run.mjs")));
const [recorder, ...others] = runtimes;
/** Where every runtime has to be there: in CI. */
const all = process.env.SEETHROUGH_RUNTIMES === "all";

let folder: string;

/** Explains everything in one runtime, keeps the report for the table in the README. */
async function report({ id }: Runtime): Promise<Report> {
  const args = [here("run.mjs"), id, folder];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 900_000, maxBuffer: 2 ** 26 });
  mkdirSync(here("build"), { recursive: true });
  writeFileSync(here(`build/${id}.json`), stdout);
  return JSON.parse(stdout) as Report;
}

const recorded = (): Record<string, string> => JSON.parse(readFileSync(here("digests.json"), "utf8"));

function expectSnippet({ snippet }: Report): void {
  if (snippet) expect(snippet.printed, `docs/runtimes/${snippet.page}`).toBe(snippet.expected);
}

describe("the packed package gives the same bits", () => {
  beforeAll(() => {
    rmSync(here("build"), { recursive: true, force: true });
    folder = node(
      "--input-type=module",
      "-e",
      `process.stdout.write((await import(${JSON.stringify(here("pack.mjs"))})).makeConsumer())`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("Node: the recorded bits", async () => {
    const found = await report(recorder);
    const digests = `${JSON.stringify(found.digests, null, 2)}\n`;
    await expect(digests, "after a wanted change of the numbers: npm run runtimes:record").toMatchFileSnapshot(
      "digests.json",
    );
    expectSnippet(found);
  });

  for (const runtime of others) {
    it(runtime.name, { timeout: 900_000 }, async ({ skip }) => {
      if (runtime.missing !== undefined) {
        const reason = `${runtime.name} is not installed; to run the suite there: ${runtime.missing}`;
        if (all) throw new Error(reason);
        console.log(`skipped: ${reason}`);
        skip(reason);
      }
      const found = await report(runtime);
      expect(found.digests).toEqual(recorded());
      expectSnippet(found);
    });
  }
});

it("the README's table is of these runtimes and bits", () => {
  const readme = readFileSync("README.md", "utf8");
  const table = /<!-- runtimes -->\n([\s\S]*?)<!-- \/runtimes -->/.exec(readme)?.[1] ?? "";
  const rows = table.split("\n").flatMap((line) => {
    const [, name, , bits] = line.split("|").map((cell) => cell.trim());
    return bits?.startsWith("`") ? [{ name: /\[(.*)\]/.exec(name)?.[1], bits }] : [];
  });
  const bits = `\`${recorded().all.slice(0, 8)}\``;
  expect(rows, "`npm run runtimes` writes the table").toEqual(runtimes.map(({ name }) => ({ name, bits })));
});
