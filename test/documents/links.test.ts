import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Html, InlineCode, Node, Parent, Text } from "mdast";
import { expect, it } from "vitest";
import { lineOf, markdownFiles, nodesOf } from "./pages";

const attributesOf = ({ value }: Html, names: string): string[] =>
  [...value.matchAll(new RegExp(` (?:${names})="([^"]*)"`, "g"))].map(([, text]) => text);

/** Where the links and images of a page lead, with their lines. */
function targetsOf(markdown: string): { readonly line: number; readonly target: string }[] {
  return nodesOf(markdown).flatMap((node) => {
    const line = lineOf(node);
    if (node.type === "html") return attributesOf(node as Html, "src|href").map((target) => ({ line, target }));
    return "url" in node && typeof node.url === "string" ? [{ line, target: node.url }] : [];
  });
}

/** The anchors of a page: of its headings, as GitHub names them, and written ones. */
function anchorsOf(path: string): string[] {
  const nodes = nodesOf(readFileSync(path, "utf8"));
  const text = (node: Node): string =>
    "children" in node ? (node as Parent).children.map(text).join("") : "value" in node ? (node as Text).value : "";
  const titles = nodes.filter((node) => node.type === "heading").map((node) => text(node).toLowerCase());
  return [
    ...titles.map((title) => title.replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-")),
    ...nodes.flatMap((node) => (node.type === "html" ? attributesOf(node as Html, "id") : [])),
  ];
}

function isBroken(page: string, target: string): boolean {
  if (/^(https?|mailto):/.test(target)) return false;
  const [path, anchor] = decodeURI(target).split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(file)) return true;
  return anchor !== undefined && !(statSync(file).isFile() && anchorsOf(file).includes(anchor));
}

const brokenLinks = (page: string, markdown: string): string[] =>
  targetsOf(markdown).flatMap(({ line, target }) => (isBroken(page, target) ? `${page}:${line}: ${target}` : []));

it("every link and image of a page leads somewhere", () => {
  const pages = markdownFiles();
  expect(pages.length).toBeGreaterThan(30);
  expect(pages.flatMap((page) => brokenLinks(page, readFileSync(page, "utf8")))).toEqual([]);
});

it("a broken link is named with its page and line", () => {
  const page =
    '[a](docs/README.md)\n\n![b](no.png)\n\n| <img src="no.svg"> |\n|---|\n\n[c](README.md#methods) [d](README.md#none)';
  expect(brokenLinks("README.md", page)).toEqual([
    "README.md:3: no.png",
    "README.md:5: no.svg",
    "README.md:8: README.md#none",
  ]);
});

/** Paths of the repository and scripts of its packages that a page names in its text and that do not exist. */
function unknownNames(page: string, markdown: string): string[] {
  const folders = [dirname(page), "."];
  const scripts = folders
    .map((folder) => join(folder, "package.json"))
    .filter((file) => existsSync(file))
    .flatMap((file) => Object.keys((JSON.parse(readFileSync(file, "utf8")) as { scripts?: object }).scripts ?? {}));
  const isUnknown = (word: string, before?: string): boolean =>
    before === "run"
      ? !scripts.includes(word)
      : /^(assembly|bench|docs|examples|models|scripts|src|test)\/[\w./-]*\w$/.test(word) &&
        !folders.some((folder) => existsSync(join(folder, word)));
  return nodesOf(markdown)
    .filter((node): node is InlineCode => node.type === "inlineCode")
    .flatMap((node) => {
      const words = node.value.split(/\s+/);
      const unknown = words.filter((word, i) => isUnknown(word, words[i - 2] === "npm" ? words[i - 1] : undefined));
      return unknown.map((word) => `${page}:${lineOf(node)}: ${word}`);
    });
}

it("files and scripts that a page names are there", () => {
  const pages = markdownFiles().filter((page) => !page.startsWith("docs/api/"));
  expect(pages.flatMap((page) => unknownNames(page, readFileSync(page, "utf8")))).toEqual([]);
  expect(
    unknownNames("README.md", "`npm run check`\n`npm run nothing` in `node scripts/nothing.mjs`, `test/documents`"),
  ).toEqual(["README.md:2: nothing", "README.md:2: scripts/nothing.mjs"]);
});

it.each([
  ["docs/README.md", "page beside it", "docs", /^docs\/(?!README\.md)(runtimes\/)?[\w-]+\.md$/],
  ["README.md", "example", "examples", /^examples\/[\w-]+\/README\.md$/],
])("%s links every %s", (index, _, folder, wanted) => {
  const linked = targetsOf(readFileSync(index, "utf8")).map(({ target }) => join(dirname(index), target));
  const pages = markdownFiles(folder).filter((path) => wanted.test(path));
  expect(pages.length).toBeGreaterThan(5);
  expect(pages.filter((path) => !linked.includes(path))).toEqual([]);
});
