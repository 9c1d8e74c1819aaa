import type { Block } from "./pages";

/** What the documents show and `snippets.test.ts` does not execute. Every other block is executed there. */
export interface Exception {
  readonly page?: RegExp;
  readonly text?: RegExp;
  /** Why not; where something else executes it, what. */
  readonly reason: string;
  /** The test that executes it. */
  readonly by?: string;
}

const runtimes = "test/runtimes/runtimes.test.ts";
const examples = "test/examples.test.ts";

/** Pages with programs for a page in a browser: here they see small stand-ins of `fetch` and `document`. */
export const withStandIns: ReadonlySet<string> = new Set(["docs/model-formats.md"]);

/** Blocks other than commands. */
export const blocksElsewhere: readonly Exception[] = [
  { page: /^docs\/runtimes\//, reason: "run in the runtime that the page is about", by: runtimes },
  { page: /^examples\/(browser-module|bun|cloudflare-worker|deno|edge)\//, reason: "needs its runtime", by: runtimes },
  { page: /^examples\/onnxruntime\//, reason: "what the example prints", by: examples },
  { page: /^docs\/packaging/, text: /^<script/, reason: "examples/browser-module does the same", by: runtimes },
  { page: /^docs\/packaging/, text: /slim/, reason: "needs a bundler", by: "test/packaging/bundlers.test.ts" },
  { page: /^docs\/architecture/, reason: "a drawing" },
];

/** Commands, one at a time: of a line `a && b` each part. */
export const commandsElsewhere: readonly Exception[] = [
  { text: /^npm (ci|install|--prefix \S+ ci)\b/, reason: "a registry's packages; the tests have them" },
  { text: /^(bun|deno) add /, reason: "a registry's packages; the tests install the packed one", by: runtimes },
  { text: /^(bun explain|deno run) ?/, reason: "needs its runtime", by: runtimes },
  { text: /^(npx (wrangler|next|http-server)|curl) /, reason: "a server and its client", by: runtimes },
  { text: /^node (examples\/\w|explain\.mjs)/, reason: "run with what its README says", by: examples },
  { text: /^npm run build$/, reason: "was run before the tests" },
  { text: /^(npm|SEETHROUGH_RUNTIMES=all npm) test$/, reason: "is what runs this" },
  { page: /^test\/runtimes\//, reason: "is that test, or part of it", by: runtimes },
  { page: /^bench\//, reason: "measures for minutes", by: "test/bench/networks.test.ts" },
  { text: /^npm --prefix examples\/playground start$/, reason: "a server", by: "test/playground.test.ts" },
];

export const exceptionFor = (
  list: readonly Exception[],
  { page, text }: Pick<Block, "page" | "text">,
): Exception | undefined => list.find((rule) => (rule.page?.test(page) ?? true) && (rule.text?.test(text) ?? true));
