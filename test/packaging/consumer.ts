import { readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { makeConsumer } from "../runtimes/pack.mjs";

/** A folder that has installed the packed package, for the tests of one file. */
export function useConsumer(): { readonly folder: () => string; readonly dist: (file: string) => string } {
  let folder: string;
  beforeAll(() => {
    folder = makeConsumer();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return { folder: () => folder, dist: (file) => join(folder, "node_modules/seethrough/dist", file) };
}

/** What a module loads: at once, or when it is asked for. */
export interface Imports {
  readonly all: readonly string[];
  readonly files: ReadonlyMap<string, string>;
}

/** As esbuild prints them: static imports in lines of their own, dynamic ones with the file's name. */
const importForms = /^(?:(?:import|export)\b[^"\n]*|\} from )"([^"\n]+)";$|\bimport\("([^"\n]+)"\)/gm;

/** Every module that an entry of the built package reaches, and every specifier on the way. */
export function importsOf(entry: string): Imports {
  const files = new Map<string, string>();
  const all: string[] = [];
  const walk = (path: string): void => {
    if (files.has(path)) return;
    const text = readFileSync(path, "utf8");
    files.set(path, text);
    for (const [, still, lazy] of text.matchAll(importForms)) {
      const specifier = still ?? lazy;
      all.push(specifier);
      if (/^\.\.?\/.*\.js$/.test(specifier)) walk(join(dirname(path), specifier));
    }
  };
  walk(entry);
  return { all, files };
}
