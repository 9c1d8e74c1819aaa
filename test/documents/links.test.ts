import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Html, Node, Parent, Text } from "mdast";
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

it.each([
  ["docs/README.md", "page beside it", "docs", /^docs\/(?!README\.md)(runtimes\/)?[\w-]+\.md$/],
  ["README.md", "example", "examples", /^examples\/[\w-]+\/README\.md$/],
])("%s links every %s", (index, _, folder, wanted) => {
  const linked = targetsOf(readFileSync(index, "utf8")).map(({ target }) => join(dirname(index), target));
  const pages = markdownFiles(folder).filter((path) => wanted.test(path));
  expect(pages.length).toBeGreaterThan(5);
  expect(pages.filter((path) => !linked.includes(path))).toEqual([]);
});
