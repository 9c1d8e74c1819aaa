import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Code, Node, Parent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** Of the block's first line of text, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
  /** The block of `text` that follows: what it prints. */
  readonly output?: Block;
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
  const blocks = nodesOf(markdown)
    .filter((node): node is Code => node.type === "code")
    .map((node): Block => ({ page: path, line: lineOf(node) + 1, language: node.lang ?? "", text: node.value }))
    .map((block, i, all) => (all[i + 1]?.language === "text" ? { ...block, output: all[i + 1] } : block));
  return { path, lines: markdown.split("\n").length, blocks };
}

/** All nodes of a page in its order. */
export function nodesOf(markdown: string): Node[] {
  const flat = (node: Node): Node[] => [node, ...((node as Partial<Parent>).children ?? []).flatMap(flat)];
  return flat(fromMarkdown(markdown));
}

export const lineOf = (node: Node): number => node.position?.start.line ?? 0;
