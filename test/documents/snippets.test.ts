import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { blocksElsewhere, commandsElsewhere, type Exception, exceptionFor } from "./elsewhere";
import { type Block, markdownFiles, type Page, parsePage, readPage } from "./pages";
import { programsOf, typeErrors, wrongWith } from "./programs";
import { makeSandbox } from "./sandbox";

/*
 * The documents are programs. A `js` or `ts` block that imports begins a program; one that does not goes on where the block
 * above it ended. What a line prints stands behind it or below it as `// → text`, with `…` for what may differ. `sh` blocks
 * run with the built command line. The files that all of them read are those of sandbox.ts; what is not executed here, and
 * why, is in elsewhere.ts. Any other block fails.
 */

/** docs/api is made of docstrings, whose examples test/api-docs.test.ts runs. */
const pages = markdownFiles()
  .filter((path) => !path.startsWith("docs/api/"))
  .map(readPage)
  .filter(({ blocks }) => blocks.length > 0);

const used = new Set<Exception>();
let root = "";
let template = "";

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "seethrough-documents-"));
  template = await makeSandbox(root);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const isCode = ({ language }: Block): boolean => language === "js" || language === "ts";
const place = ({ page, line }: Block): string => `${page}:${line}`;

/** Whether the block is executed somewhere else, which is noted. */
function isElsewhere(list: readonly Exception[], block: Pick<Block, "page" | "language" | "text">): boolean {
  const rule = exceptionFor(list, block);
  if (rule) used.add(rule);
  return rule !== undefined;
}

/** Blocks of a page that are executed here. */
const ours = ({ blocks }: Page): Block[] =>
  blocks.filter((block) => block.language === "sh" || !isElsewhere(blocksElsewhere, block));

const programs = (page: Page): ReturnType<typeof programsOf> => programsOf(page, ours(page).filter(isCode));

/** Executes a page's blocks in their order, in a folder of its own. Says what is wrong, with page and line. */
async function check(page: Page): Promise<string[]> {
  const folder = mkdtempSync(join(root, "page-"));
  cpSync(template, folder, { recursive: true, verbatimSymlinks: true });
  const all = programs(page);
  const wrong: string[] = [];
  for (const block of ours(page)) {
    if (block.language === "sh") wrong.push(...(await runCommands(block, folder)));
    else if (block.language === "json") wrong.push(...parse(block));
    else if (!isCode(block))
      wrong.push(`${place(block)}: no rule for this block of "${block.language}" (elsewhere.ts)`);
    const program = all.find(({ blocks }) => blocks[0] === block);
    if (program) wrong.push(...(await wrongWith(program, folder)));
  }
  return wrong;
}

function parse(block: Block): string[] {
  try {
    JSON.parse(block.text);
    return [];
  } catch (error) {
    return [`${place(block)}: ${(error as Error).message}`];
  }
}

/** What `npm run` would run, part by part. */
const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync("package.json", "utf8")).scripts;

function parts(command: string): string[] {
  const [, script, rest = ""] = /^npm run ([\w:]+)( -- .*)?$/.exec(command) ?? [];
  if (script === undefined || script === "build") return [command];
  return (scripts[script] ?? `no script "${script}"`).split(" && ").flatMap((part) => parts(`${part}${rest}`));
}

/** Commands of the package's own tool run as they stand, with `npx seethrough` as the built one. */
async function runCommands(block: Block, folder: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const [i, row] of block.text.split("\n").entries()) {
    const where = `${block.page}:${block.line + i}`;
    for (const command of row.replace(/ +#.*$/, "").split(" && ")) {
      for (const part of isElsewhere(commandsElsewhere, { ...block, text: command }) ? [] : parts(command)) {
        if (part === "" || isElsewhere(commandsElsewhere, { ...block, text: part })) continue;
        if (!/^(npx seethrough|node dist\/cli\.js) /.test(part)) {
          wrong.push(`${where}: no rule for the command "${part}" (elsewhere.ts)`);
          continue;
        }
        const shell = part.replace(/^npx seethrough/, `node ${resolve("dist/cli.js")}`);
        try {
          await promisify(execFile)("sh", ["-c", shell], { cwd: folder, maxBuffer: 2 ** 24 });
        } catch (error) {
          wrong.push(`${where}: ${part}\n${(error as { stderr: string }).stderr}`);
        }
      }
    }
  }
  return wrong;
}

describe.concurrent("what a page shows is what happens", { timeout: 300_000 }, () => {
  for (const page of pages) {
    it(page.path, async () => {
      expect((await check(page)).join("\n")).toBe("");
    });
  }

  it("the types of all snippets fit", async () => {
    expect(await typeErrors(pages.flatMap(programs), root)).toBe("");
  });
});

it("what is wrong is said with page and line", async () => {
  const page = parsePage(
    "page.md",
    [
      ["A page.", "", "```js", "console.log(2); // → 2", "```", ""],
      ["```js", "console.log(3); // → 4", "console.log(5);", "const eight = 8; // 8", "```"],
      ["```js", "const last = 1; // → 1", "```"],
      ["```ts", 'import { loadModel } from "seethrough";', "const model: number = await loadModel();", "```"],
      ["```sh", "npx seethrough explain nothing.png", "rm -r photos", "node examples/new.mjs", "```"],
      ["```json", "{", "```"],
      ["```yaml", "a: 1", "```"],
      ["```js", 'import { loadModel } from "seethrough";', "await loadModel(undefined, { lables: [] });", "```"],
    ]
      .flat()
      .join("\n"),
  );
  const wrong = (await check(page)).join("\n");
  expect(wrong).toMatch(/^page\.md:8 prints "3" and says "4"$/m);
  expect(wrong).toMatch(/^page\.md:9 prints "5" and says ""$/m);
  expect(wrong).toMatch(/^page\.md:10 shows a value in a comment/m);
  expect(wrong).toMatch(/^page\.md:13 says "1", and nothing prints it$/m);
  expect(wrong).toMatch(/^page\.md:20: npx seethrough explain nothing\.png\n.*nothing\.png/m);
  expect(wrong).toMatch(/^page\.md:21: no rule for the command "rm -r photos"/m);
  expect(wrong).toMatch(/^page\.md:22: no rule for the command "node examples\/new\.mjs"/m);
  expect(wrong).toMatch(/^page\.md:25: .*JSON/m);
  expect(wrong).toMatch(/^page\.md:28: no rule for this block of "yaml"/m);
  const types = await typeErrors(programs(page), mkdtempSync(join(root, "types-")));
  expect(types).toMatch(/^page\.md-16\.mts\(17,7\): error TS2322/m);
  expect(types).toMatch(/^page\.md-31\.mjs\(32,\d+\): error TS.*lables/m);
});

it("every exception is needed, and names a test that exists", () => {
  for (const rule of [...blocksElsewhere, ...commandsElsewhere]) {
    expect(used.has(rule), `unused: ${rule.page ?? ""} ${rule.text ?? ""} (${rule.reason})`).toBe(true);
    if (rule.by) expect(existsSync(rule.by), rule.by).toBe(true);
  }
});
