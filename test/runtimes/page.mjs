// A page of docs/runtimes as a test: code blocks that begin with a comment naming a file are its files, the block marked
// `text` is what they print.
import { readFileSync } from "node:fs";

/** @returns {{ files: Record<string, string>, output: string }} */
export function readPage(page) {
  const markdown = readFileSync(new URL(`../../docs/runtimes/${page}`, import.meta.url), "utf8");
  const files = {};
  let output;
  for (const [, language, code] of markdown.matchAll(/```(\w+)\n([\s\S]*?)```/g)) {
    const file = /^(?:\/\/|<!--) (\S+\.\w+)/.exec(code)?.[1];
    if (language === "text") output = code;
    else if (file) files[file] = code;
  }
  if (output === undefined || Object.keys(files).length === 0) {
    throw new Error(
      `docs/runtimes/${page} has no code block that begins with "// file.js", or no block of text it prints`,
    );
  }
  return { files, output };
}
