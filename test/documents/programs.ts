import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { withStandIns } from "./elsewhere";
import type { Block, Page } from "./pages";

/** Blocks of a page that run as one module. */
export interface Program {
  readonly page: string;
  readonly language: string;
  readonly blocks: readonly Block[];
  /** The page with everything but these blocks blanked out, so that a line of the program is that line of the page. */
  readonly text: string;
}

interface Printed {
  readonly line: number;
  readonly text: string;
}

/** A block that imports begins a program; one that does not goes on where the block above it ended. */
export function programsOf({ path, lines }: Page, blocks: readonly Block[]): Program[] {
  const groups: Block[][] = [];
  for (const block of blocks) {
    if (groups.length === 0 || /^import /m.test(block.text)) groups.push([block]);
    else groups[groups.length - 1].push(block);
  }
  return groups.map((group) => {
    const text: string[] = Array(lines).fill("");
    for (const block of group) text.splice(block.line - 1, block.text.split("\n").length, ...block.text.split("\n"));
    return { page: path, language: group[0].language, blocks: group, text: text.join("\n") };
  });
}

const record = resolve("test/documents/record.mjs");
const standIns = resolve("test/documents/stand-ins.mjs");

/** Runs a program in a folder. Says what is wrong, each with page and line; nothing if all is as the page says. */
export async function wrongWith(program: Program, folder: string): Promise<string[]> {
  const file = join(folder, "program.mjs");
  const { outputText } = ts.transpileModule(program.text, {
    fileName: "program.mts",
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, inlineSourceMap: true },
  });
  writeFileSync(file, program.language === "ts" ? outputText : program.text);
  const preloaded = withStandIns.has(program.page) ? ["--import", standIns] : [];
  const options = ["--enable-source-maps", "--import", record, ...preloaded, file];
  try {
    await promisify(execFile)(process.execPath, options, { cwd: folder, maxBuffer: 2 ** 24 });
  } catch (error) {
    const { stderr } = error as { stderr: string };
    return [stderr.replaceAll(/\S*program\.m[jt]s/g, program.page)];
  }
  const printed: readonly Printed[] = JSON.parse(readFileSync(join(folder, "printed.json"), "utf8"));
  return program.blocks.flatMap((block) => disagreements(block, printed));
}

/** A comment behind code that is a value, which nothing would check. */
const bareClaim = /\S.* \/\/ (?:[-−]?\d|[[{"'`]|(?:true|false|null|undefined)\b)/;

/** A claim `// → …` stands behind what prints it, or in the lines below; or a block of text shows everything. */
function disagreements({ page, line: first, text, output }: Block, all: readonly Printed[]): string[] {
  const rows = text.split("\n");
  const printed = all.filter(({ line }) => line >= first && line < first + rows.length);
  if (output) return outputDiffers(output, printed.map((one) => one.text).join("\n"));
  const printing = [...new Set(printed.map(({ line }) => line))].sort((a, b) => a - b);
  const claims = rows.flatMap((row, i) => {
    const [, claim] = /\/\/ → (.*)$/.exec(row) ?? [];
    return claim === undefined ? [] : { line: first + i, claim };
  });
  const owner = (line: number): number | undefined => printing.findLast((candidate) => candidate <= line);
  const bare = rows.flatMap((row, i) => (bareClaim.test(row) ? first + i : []));
  const lost = claims.filter(({ line }) => owner(line) === undefined);
  return [
    ...bare.map((line) => `${page}:${line} shows a value in a comment; print it and write "// → "`),
    ...lost.map(({ line, claim }) => `${page}:${line} says "${claim}", and nothing prints it`),
    ...printing.flatMap((line) => {
      const found = flat(printed.flatMap((one) => (one.line === line ? one.text : [])));
      const claimed = flat(claims.flatMap((one) => (owner(one.line) === line ? one.claim : [])));
      return matches(found, claimed) ? [] : `${page}:${line} prints "${found}" and says "${claimed}"`;
    }),
  ];
}

/** Says where a block of text is not what was printed. */
export function outputDiffers({ page, line, text }: Block, printed: string): string[] {
  const [found, claimed] = [flat([printed]), flat([text])];
  return matches(found, claimed) ? [] : [`${page}:${line} says "${claimed}", and what is printed is "${found}"`];
}

const flat = (parts: readonly string[]): string => parts.join(" ").replace(/\s+/g, " ").trim();

/** `…` stands for anything. */
function matches(found: string, claimed: string): boolean {
  const parts = claimed.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(found);
}

const loose = { checkJs: true, strict: false, noImplicitAny: false };
const strict = { strict: true };

/** Types of all programs against the declarations of the built package: what tsc prints. */
export async function typeErrors(programs: readonly Program[], root: string): Promise<string> {
  const printed = await Promise.all(
    [loose, strict].map(async (options, i) => {
      const chosen = programs.filter(({ language }) => (language === "ts") === (i === 1));
      if (chosen.length === 0) return "";
      const folder = join(root, `types-${i}`);
      mkdirSync(folder);
      const files = chosen.map((program) => {
        const extension = i === 1 ? "mts" : "mjs";
        const name = `${program.page.replaceAll("/", "⁄")}-${program.blocks[0].line}.${extension}`;
        writeFileSync(join(folder, name), program.text);
        return name;
      });
      const compilerOptions = {
        ...{ target: "ES2022", module: "ESNext", moduleResolution: "Bundler", lib: ["ES2023", "DOM", "DOM.Iterable"] },
        ...{ types: ["node"], typeRoots: [resolve("node_modules/@types")], skipLibCheck: true, noEmit: true },
        ...options,
      };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
      const tsc = resolve("node_modules/typescript/bin/tsc");
      return promisify(execFile)(process.execPath, [tsc, "-p", folder], { cwd: folder }).then(
        ({ stdout }) => stdout,
        ({ stdout }: { readonly stdout: string }) => stdout,
      );
    }),
  );
  return printed.join("");
}
