/** What CONTRIBUTING.md says to run is there to be run. */
import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const page = readFileSync("CONTRIBUTING.md", "utf8");
const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
const commands = [...page.matchAll(/^```sh\n([^`]*)^```/gm)].flatMap(([, block]) => block.trim().split("\n"));

it("adds an operator, a method, a kernel and a format", () => {
  const sections = page.split(/^## /m).slice(1);
  const adding = sections.filter((section) => section.startsWith("Add a"));
  expect(adding.map((section) => section.split("\n")[0])).toEqual([
    ...["Add an operator", "Add a method", "Add a kernel", "Add a format"],
  ]);
  for (const section of adding) expect(section).toContain("```sh\n");
});

it("every script that a command runs is one of the package's", () => {
  const names = commands.flatMap((command) => /^npm run ([\w:]+)/.exec(command)?.slice(1) ?? []);
  expect(names).not.toEqual([]);
  expect(names.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
});

it("every test that a command names is there, and every command is of a tool of the project", () => {
  expect(
    commands.filter((command) => !/^(npm run [\w:]+|npx tsc|npx vitest run (test\/\S+ ?)+)$/.test(command)),
  ).toEqual([]);
  const tests = commands.flatMap((command) => command.match(/test\/\S+/g) ?? []);
  expect(tests).not.toEqual([]);
  expect(tests.filter((path) => !existsSync(path))).toEqual([]);
});

it("every folder and file that the text names is there", () => {
  const named = [...page.matchAll(/`((?:src|test|assembly|docs)\/[^`…<]*)`/g)].map(([, path]) => path);
  expect(named).not.toEqual([]);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});
