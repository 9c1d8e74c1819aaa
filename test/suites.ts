/**
 * The suites that take minutes, each with what it is: `npm test` leaves them out and says so, `npm run test:all` runs everything.
 * A file named on the command line always runs.
 */
export const longSuites: Readonly<Record<string, string>> = {
  "test/api-docs.test.ts": "the pages of docs/api are those of the source",
  "test/bench/networks.test.ts": "the benchmark's programs and networks",
  "test/cam-formulas.test.ts": "class activation maps against their formulas on real networks",
  "test/cli-evaluate.test.ts": "seethrough evaluate, as a process",
  "test/cli-search.test.ts": "seethrough search, merge and project, as processes",
  "test/dissect/intervention.test.ts": "units silenced and raised in generators",
  "test/dissect/segmenters.test.ts": "units of segmenters",
  "test/distributed-search.test.ts": "a search over workers that die",
  "test/documents/snippets.test.ts": "every program and command of the documents, as it stands",
  "test/examples.test.ts": "every example's program",
  "test/hostile/mutations.test.ts": "thousands of damaged files, each a typed error or a result",
  "test/low-memory.test.ts": "the engine with little memory, over the reference networks",
  "test/occlusion-engines.test.ts": "occlusion's engines against each other, on random and real networks",
  "test/packaging/bundlers.test.ts": "the packed package in bundlers",
  "test/packaging/entries.test.ts": "the packed package's entries",
  "test/packaging/size.test.ts": "sizes of bundles",
  "test/packaging/types.test.ts": "the packed declarations in projects of every setting",
  "test/playground.test.ts": "the playground in a browser",
  "test/pool.test.ts": "every method divided among workers",
  "test/receptive-field.test.ts": "receptive fields against brute force",
  "test/reference/goldens.test.ts": "reference attributions of real networks",
  "test/reference/networks.test.ts": "the reference networks against onnxruntime",
  "test/runtimes/runtimes.test.ts": "one suite in every runtime",
  "test/sheets.test.ts": "contact sheets of units",
  "test/trust/randomization.test.ts": "the sanity checks, over all methods",
  "test/visualize/maximize-activation.test.ts": "gradient ascent to its end",
};
