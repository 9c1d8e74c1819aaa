import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandsOf, runCommand } from "./commands";
import { blocksElsewhere, commandsElsewhere, type Exception, exceptionFor } from "./elsewhere";
import { type Block, markdownFiles, type Page, parsePage, readPage } from "./pages";
import { outputDiffers, programsOf, typeErrors, wrongWith } from "./programs";
import { makeSandbox } from "./sandbox";

/*
 * The documents are programs. A `js` or `ts` block that imports begins a program; one that does not goes on where the block
 * above it ended. What a line prints stands behind it or below it as `// → text`, or all that a block prints in a block of
 * `text` after it, with `…` for what may differ. `sh` blocks run with the built command line. The files that all of them read are those of sandbox.ts; what is not executed here, and
 * why, is in elsewhere.ts. Any other block fails.
 */

/** docs/api is made of docstrings, whose examples test/documents/api-docs.test.ts runs. */
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
const isOurs = (block: Block): boolean => block.language === "sh" || !isElsewhere(blocksElsewhere, block);
const ours = ({ blocks }: Page): Block[] => blocks.filter(isOurs);

const programs = (page: Page): ReturnType<typeof programsOf> => programsOf(page, ours(page).filter(isCode));

/** Executes a page's blocks in their order, in a folder of its own. Says what is wrong, with page and line. */
async function check(page: Page): Promise<string[]> {
  const folder = mkdtempSync(join(root, "page-"));
  cpSync(template, folder, { recursive: true, verbatimSymlinks: true });
  const all = programs(page);
  const wrong: string[] = [];
  const outputs = ours(page).flatMap((block) =>
    block.output && (isCode(block) || block.language === "sh") ? place(block.output) : [],
  );
  for (const block of ours(page)) {
    if (block.language === "sh") wrong.push(...(await runCommands(block, folder)));
    else if (block.language === "json") wrong.push(...parse(block));
    else if (!isCode(block) && !outputs.includes(place(block)))
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

/** Runs the commands of a block that nothing else runs. */
async function runCommands(block: Block, folder: string): Promise<string[]> {
  const wrong: string[] = [];
  let printed = "";
  for (const command of commandsOf(block)) {
    if (isElsewhere(commandsElsewhere, command)) continue;
    const { stdout, error } = await runCommand(command, folder);
    printed += stdout;
    if (error) wrong.push(`${place(command)}: ${error}`);
  }
  return block.output && isOurs(block.output) ? [...wrong, ...outputDiffers(block.output, printed)] : wrong;
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
      ["```text", "nothing prints this", "```"],
      [
        "```js",
        'import { loadModel } from "seethrough";',
        "void (() => loadModel(undefined, { lables: [] }));",
        "console.log(6);",
        "```",
      ],
      ["```text", "7", "```"],
      ["```sh", "npx seethrough inspect model.onnx", "```"],
      ["```text", "model.onnx: … layers for none", "```"],
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
  expect(wrong).toMatch(/^page\.md:31: no rule for this block of "text"/m);
  expect(wrong).toMatch(/^page\.md:39 says "7", and what is printed is "6"$/m);
  expect(wrong).toMatch(
    /^page\.md:45 says "model\.onnx: … layers for none", and what is printed is "model\.onnx: input/m,
  );
  expect(wrong.match(/^page\.md:/gm)).toHaveLength(12);
  const types = await typeErrors(programs(page), mkdtempSync(join(root, "types-")));
  expect(types).toMatch(/^page\.md-16\.mts\(17,7\): error TS2322/m);
  expect(types).toMatch(/^page\.md-34\.mjs\(35,\d+\): error TS.*lables/m);
});

it("every exception is needed, and names a test that exists", () => {
  for (const rule of [...blocksElsewhere, ...commandsElsewhere]) {
    expect(used.has(rule), `unused: ${rule.page ?? ""} ${rule.text ?? ""} (${rule.reason})`).toBe(true);
    if (rule.by) expect(existsSync(rule.by), rule.by).toBe(true);
  }
});
