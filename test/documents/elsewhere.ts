import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Block } from "./pages";

/** What the documents show and `snippets.test.ts` does not execute. Every other block is executed there. */
export interface Exception {
  readonly page?: RegExp;
  readonly language?: string;
  readonly text?: RegExp;
  /** Why not; where something else executes it, what. */
  readonly reason: string;
  /** The test that executes it. */
  readonly by?: string;
  /** It does only what it names: the script of the command. */
  readonly named?: boolean;
}

const runtimes = "test/runtimes/runtimes.test.ts";
const examples = "test/examples/examples.test.ts";
const distributed = "test/examples/distributed-search.test.ts";

/** Pages with programs for a page in a browser: here they see small stand-ins of `fetch` and `document`. */
export const withStandIns: ReadonlySet<string> = new Set(["docs/model-formats.md"]);

/** Blocks other than commands. */
export const blocksElsewhere: readonly Exception[] = [
  {
    page: /^docs\/runtimes\//,
    text: /^(\/\/|<!--) (explain\.mjs|index\.html|(main|worker|route)\.js)/,
    reason: "a file that is run in the runtime of the page",
    by: runtimes,
  },
  { page: /^docs\/runtimes\//, language: "text", reason: "what those files print", by: runtimes },
  {
    page: /^examples\/(browser-module|bun|cloudflare-worker|deno|edge)\//,
    language: "text",
    reason: "what the example does in its runtime",
    by: runtimes,
  },
  {
    page: /^examples\/(onnxruntime|text-detector|tflite)\//,
    language: "text",
    reason: "what the example prints",
    by: examples,
  },
  { page: /^examples\/distributed-search\//, language: "text", reason: "what the example prints", by: distributed },
  { page: /^docs\/packaging/, language: "html", reason: "examples/browser-module does the same", by: runtimes },
  {
    page: /^docs\/packaging/,
    text: /"seethrough\/slim"/,
    reason: "needs a bundler",
    by: "test/packaging/bundlers.test.ts",
  },
  {
    page: /^docs\/packaging/,
    text: /require\("seethrough"\)/,
    reason: "the other programs of the page are ES modules",
    by: "test/packaging/commonjs.test.ts",
  },
  {
    page: /^docs\/pool/,
    text: /^\/\/ (next\.config\.mjs|app\/)/,
    reason: "a file of an application of Next",
    by: "test/packaging/next.test.ts",
  },
  {
    page: /^docs\/detectors/,
    language: "js",
    reason: "a detector of the reader's",
    by: "test/detect/targets.test.ts",
  },
  { page: /^docs\/architecture/, language: "text", reason: "a drawing" },
];

/** Commands, one at a time: of a line `a && b` each part. */
export const commandsElsewhere: readonly Exception[] = [
  { text: /^npm (ci|install|--prefix \S+ ci)\b/, reason: "a registry's packages; the tests have them" },
  { text: /^(bun|deno) add /, reason: "a registry's packages; the tests install the packed one", by: runtimes },
  { text: /^(bun explain|deno run) ?/, reason: "needs its runtime", by: runtimes },
  { text: /^(npx (wrangler|next|http-server)|curl) /, reason: "a server and its client", by: runtimes },
  { page: /^examples\/distributed-search\//, text: /^node /, reason: "an example", by: distributed },
  { text: /^node \S+\.mjs\b/, reason: "an example", by: examples, named: true },
  { text: /^(npm run build|node scripts\/build\.mjs --runs)$/, reason: "was run before the tests" },
  { text: /^(npm|SEETHROUGH_RUNTIMES=all npm) test$/, reason: "is what runs this" },
  { page: /^CONTRIBUTING/, text: /^(npx )?(vitest|biome|tsc|knip|typedoc)\b/, reason: "checks of the project itself" },
  { page: /^test\/runtimes\//, reason: "is that test, or part of it", by: runtimes },
  { page: /^scripts\/petshop\//, reason: "trains networks, for an hour" },
  { page: /^bench\//, reason: "measures for minutes, against engines that are installed for it" },
  { text: /^npm --prefix examples\/playground start$/, reason: "a server", by: "test/examples/playground.test.ts" },
];

export const exceptionFor = (
  list: readonly Exception[],
  { page, language, text }: Pick<Block, "page" | "language" | "text">,
): Exception | undefined =>
  list.find(
    (rule) =>
      (rule.page?.test(page) ?? true) &&
      (rule.language ?? language) === language &&
      (rule.text?.test(text) ?? true) &&
      (!rule.named || names(rule.by, page, text)),
  );

/** Whether the test speaks of the script of a command, whose path begins at the page or at the root. */
function names(test: string | undefined, page: string, command: string): boolean {
  const [, script] = command.split(" ");
  return (
    test !== undefined &&
    readFileSync(test, "utf8").includes(script.includes("/") ? script : join(dirname(page), script))
  );
}
