import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Code, Html, Node, Parent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Of the block's first line of text, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** Set-up that a reader has at hand, from a comment `<!-- given … -->` above the block. */
  readonly given?: { readonly line: number; readonly text: string };
}

export interface Page {
  readonly path: string;
  readonly lines: number;
  readonly blocks: readonly Block[];
}

/** Folders whose pages are not written by hand, or not ours. */
const others = new Set(["node_modules", "dist", "build", ".git"]);

/** Every page of the project below a folder, by its path from the root. */
export function markdownFiles(folder = "."): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return others.has(entry.name) ? [] : markdownFiles(path);
      return entry.name.endsWith(".md") ? [path] : [];
    })
    .sort();
}

export const readPage = (path: string): Page => parsePage(path, readFileSync(path, "utf8"));

export function parsePage(path: string, markdown: string): Page {
  const blocks: Block[] = [];
  let given: Block["given"];
  for (const node of nodesOf(markdown)) {
    if (isGiven(node)) given = { line: lineOf(node) + 1, text: node.value.replace(/^<!-- given\n|\n-->$/g, "") };
    if (node.type !== "code") continue;
    const { lang, value } = node as Code;
    blocks.push({ page: path, line: lineOf(node) + 1, language: lang ?? "", text: value, given });
    given = undefined;
  }
  return { path, lines: markdown.split("\n").length, blocks };
}

/** All nodes of a page in its order. */
export function nodesOf(markdown: string): Node[] {
  const flat = (node: Node): Node[] => [node, ...((node as Partial<Parent>).children ?? []).flatMap(flat)];
  return flat(fromMarkdown(markdown));
}

const isGiven = (node: Node): node is Html => node.type === "html" && (node as Html).value.startsWith("<!-- given\n");

export const lineOf = (node: Node): number => node.position?.start.line ?? 0;
