import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import type { Block } from "./pages";

const scripts: Readonly<Record<string, string>> = JSON.parse(readFileSync("package.json", "utf8")).scripts;

/** A script of package.json as the commands that it stands for. */
function parts(command: string): string[] {
  const [, script, rest = ""] = /^npm run ([\w:]+)( -- .*)?$/.exec(command) ?? [];
  if (script === undefined || script === "build") return [command];
  return (scripts[script] ?? `no script "${script}"`).split(" && ").flatMap((part) => parts(`${part}${rest}`));
}

/** The commands of a block of `sh`, each as a block of its own. */
export const commandsOf = (block: Block): Block[] =>
  block.text.split("\n").flatMap((row, i) =>
    row
      .replace(/ +#.*$/, "")
      .split(" && ")
      .flatMap(parts)
      .filter((text) => text !== "")
      .map((text) => ({ ...block, line: block.line + i, text })),
  );

/** Commands of the package's own tool run as they stand, with `npx seethrough` as the built one. */
export async function runCommand({ text }: Block, folder: string): Promise<{ stdout: string; error?: string }> {
  if (!/^(npx seethrough|node dist\/cli\.js) /.test(text))
    return { stdout: "", error: `no rule for the command "${text}" (elsewhere.ts)` };
  const command = text.replace(/^npx seethrough/, `node ${resolve("dist/cli.js")}`);
  try {
    return await promisify(execFile)("sh", ["-c", command], { cwd: folder, maxBuffer: 2 ** 24 });
  } catch (error) {
    return { stdout: "", error: `${text}\n${(error as { stderr: string }).stderr}` };
  }
}
