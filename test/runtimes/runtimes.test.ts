import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface Runtime {
  readonly id: string;
  readonly name: string;
  /** Whether fused arithmetic runs there. */
  readonly fuses: boolean;
  /** Whether threads run there. */
  readonly threads: boolean;
  /** The command that installs what is missing. */
  readonly missing?: string;
}

interface Report {
  readonly digests: Readonly<Record<string, string>>;
  /** Every method by a pool, where the host's suite has one. */
  readonly pool?: {
    readonly size: number;
    readonly digests: Readonly<Record<string, string>>;
    readonly fused: Readonly<Record<string, string>>;
  };
  /** Some methods by two threads, where the host's suite has them; a reason where one thread ran. */
  readonly threads?: {
    readonly count: number;
    readonly reason?: string;
    readonly digests: Readonly<Record<string, string>>;
    readonly fused: Readonly<Record<string, string>>;
  };
  /** What fused arithmetic gives, or why it does not run there. */
  readonly fused: { readonly digests: Readonly<Record<string, string>> } | { readonly refusal: string };
  readonly snippet?: { readonly page: string; readonly printed: string; readonly expected: string };
}

interface FloodReport {
  readonly good: number;
  readonly same: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly late: number;
  readonly after: number;
  /** Of the process: of a Worker that does nothing, after one request, and after all. */
  readonly peakBytes: { readonly empty: number; readonly first: number; readonly all: number };
}

interface LargeReport {
  readonly node: { readonly digest: string; readonly wasmBytes: number };
  readonly worker: LargeReport["node"] & { readonly refusal: string };
  readonly fileBytes: number;
  /** The most memory that the process of the Worker had held before it loaded the network, and after it explained. */
  readonly peakBytes: { readonly before: number; readonly after: number };
}

const mebibyte = 2 ** 20;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = (...args: readonly string[]): string =>
  execFileSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 26 });
const runtimes: readonly Runtime[] = JSON.parse(node(here("run.mjs")));
const [recorder, ...others] = runtimes;
/** The bits of fused arithmetic are recorded in the newest Node; the oldest has none. */
const fusedRecorder = runtimes.find(({ id }) => id === "node-newest") as Runtime;
const examples: readonly Omit<Runtime, "fuses" | "threads">[] = JSON.parse(node(here("run.mjs"), "examples"));
/** Where every runtime has to be there: in CI. */
const all = process.env.SEETHROUGH_RUNTIMES === "all";

const timeout = 900_000;

let folder = "";

/** Skips a test, visibly, or fails it where everything has to be there. */
function skipIfMissing({ name, missing }: Pick<Runtime, "name" | "missing">, skip: (reason: string) => void): void {
  if (missing === undefined) return;
  const reason = `${name} is not installed; to run the suite there: ${missing}`;
  if (all) throw new Error(reason);
  console.log(`skipped: ${reason}`);
  skip(reason);
}

async function run(id: string): Promise<string> {
  const args = [here("run.mjs"), id, folder];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Explains everything in one runtime, keeps the report for the table in the README. */
async function report({ id }: Runtime): Promise<Report> {
  const stdout = await run(id);
  mkdirSync(here("build"), { recursive: true });
  writeFileSync(here(`build/${id}.json`), stdout);
  return JSON.parse(stdout) as Report;
}

const readDigests = (file: string): Record<string, string> => JSON.parse(readFileSync(here(file), "utf8"));
const recorded = (): Record<string, string> => readDigests("digests.json");
const recordedFused = (): Record<string, string> => readDigests("fused-digests.json");

/** Fused arithmetic has one pattern of bits too, wherever it runs. */
function expectFused({ name, fuses }: Runtime, { fused }: Report): void {
  if (fuses) expect("digests" in fused ? fused.digests : fused.refusal, name).toEqual(recordedFused());
  else {
    const refusal = "refusal" in fused ? fused.refusal : `${name} gives ${fused.digests.all}: say so in its host`;
    expect(refusal).toMatch(/^UnsupportedRuntimeError: .*arithmetic: 'plain'|^OptionError: .*kernels-fused\.wasm/);
  }
}

function expectSnippet({ snippet }: Report): void {
  if (snippet) expect(snippet.printed, `docs/runtimes/${snippet.page}`).toBe(snippet.expected);
}

/** Hosts whose suite is without a pool: a variant of Workers, and an edge function, which has one instance as Workers have. */
const withoutPool: readonly string[] = ["workerd-vitest", "edge"];

function expectPool({ id, fuses }: Runtime, { pool, digests }: Report): void {
  if (withoutPool.includes(id)) return;
  expect(pool?.size, "instances of the pool").toBe(id === "workerd" ? 1 : 2);
  const methods = Object.entries(digests).filter(([name]) => /^tiny: (?!predict)|^tiny int8: occlusion/.test(name));
  expect(pool?.digests).toEqual(Object.fromEntries(methods));
  const some = fuses ? ["tiny: occlusion", "tiny: saliency"].map((name) => [name, recordedFused()[name]]) : [];
  expect(pool?.fused).toEqual(Object.fromEntries(some));
}

/** Threads have the bits of one, wherever they run. */
function expectThreads({ id, fuses, threads: has }: Runtime, { threads, digests }: Report): void {
  if (withoutPool.includes(id)) return;
  if (!threads) throw new Error(`${id} says nothing of threads.`);
  expect(threads.count, threads.reason).toBe(has ? 2 : 1);
  if (!has) expect(threads.reason).toContain("2 threads were asked for, and one computes");
  const names = Object.keys(threads.digests);
  expect(names).toContain("embedded: saliency");
  expect(threads.digests).toEqual(Object.fromEntries(names.map((name) => [name, digests[name]])));
  expect(threads.fused).toEqual(fuses ? Object.fromEntries(names.map((name) => [name, recordedFused()[name]])) : {});
}

describe("the packed package gives the same bits", () => {
  beforeAll(() => {
    rmSync(here("build"), { recursive: true, force: true });
    folder = node(
      "--input-type=module",
      "-e",
      `process.stdout.write((await import(${JSON.stringify(here("pack.mjs"))})).makeConsumer())`,
    );
  });
  afterAll(() => folder && rmSync(folder, { recursive: true, force: true }));

  it("Node: the recorded bits", async () => {
    const found = await report(recorder);
    const digests = `${JSON.stringify(found.digests, null, 2)}\n`;
    await expect(digests, "after a wanted change of the numbers: npm run runtimes:record").toMatchFileSnapshot(
      "digests.json",
    );
    expectPool(recorder, found);
    expectThreads(recorder, found);
    expectFused(recorder, found);
    expectSnippet(found);
  });

  it("Node, newest: the recorded bits of fused arithmetic", { timeout }, async ({ skip }) => {
    skipIfMissing({ ...fusedRecorder, name: `fused arithmetic: ${fusedRecorder.name}` }, skip);
    const { fused } = await report(fusedRecorder);
    const found = `${JSON.stringify("digests" in fused ? fused.digests : fused, null, 2)}\n`;
    await expect(found, "after a wanted change of the numbers: npm run runtimes:record").toMatchFileSnapshot(
      "fused-digests.json",
    );
  });

  for (const runtime of others) {
    it(runtime.name, { timeout }, async ({ skip }) => {
      skipIfMissing(runtime, skip);
      const found = await report(runtime);
      expect(found.digests).toEqual(recorded());
      expectPool(runtime, found);
      expectThreads(runtime, found);
      expectFused(runtime, found);
      expectSnippet(found);
    });
  }

  for (const example of examples) {
    it(`${example.name} does what its README says`, { timeout }, async ({ skip }) => {
      skipIfMissing(example, skip);
      const { printed, expected } = JSON.parse(await run(example.name)) as { printed: string; expected: string };
      expect(printed).toBe(expected);
    });
  }

  it("the example's Worker answers every good request among a thousand, in 128 MB", { timeout }, async ({ skip }) => {
    const workerd = runtimes.find(({ id }) => id === "workerd") as Runtime;
    skipIfMissing({ ...workerd, name: `a thousand requests: ${workerd.name}` }, skip);
    const found = JSON.parse(await run("flood")) as FloodReport;
    expect(found).toMatchObject({ good: 250, same: 250, late: 408, after: 200 });
    expect(Object.keys(found.refused).sort()).toEqual(["400", "413"]);
    expect(found.refused[400] + found.refused[413]).toBe(750);
    // Code, wasm memory, heap and buffers: all that the Worker has beyond workerd itself.
    expect(found.peakBytes.all - found.peakBytes.empty).toBeLessThan(128 * mebibyte);
    const { empty, first, all } = found.peakBytes;
    const [none, one, every] = [empty, first, all].map((bytes) => (bytes / mebibyte).toFixed(0));
    console.log(
      `a thousand requests: the process held at most ${none} MiB with an empty Worker, ${one} MiB after the first request ` +
        `and ${every} MiB after all`,
    );
  });

  it("Grad-CAM of a network of ResNet-50's size fits a Worker with 100 MiB of wasm memory", { timeout }, async ({
    skip,
  }) => {
    const workerd = runtimes.find(({ id }) => id === "workerd") as Runtime;
    skipIfMissing({ ...workerd, name: `ResNet-50 in a Worker: ${workerd.name}` }, skip);
    const { worker, node: same, fileBytes, peakBytes } = JSON.parse(await run("large")) as LargeReport;
    expect(worker.digest).toBe(same.digest);
    expect(worker.wasmBytes).toBe(same.wasmBytes);
    expect(worker.wasmBytes).toBeLessThan(48 * mebibyte);
    // All of it: float16 weights, wasm memory and what loading needs on the way.
    expect(peakBytes.after - peakBytes.before).toBeLessThan(128 * mebibyte);
    // The cap is real: without low memory the same network is refused, with a way out.
    expect(worker.refusal).toMatch(/^MemoryError: .* MiB are available\. .*memory: 'low'/);
    const shown = [worker.wasmBytes, fileBytes, peakBytes.before, peakBytes.after].map((bytes) =>
      (bytes / mebibyte).toFixed(0),
    );
    console.log(
      `ResNet-50 in a Worker: ${shown[0]} MiB of wasm memory, ${shown[1]} MiB file; ` +
        `the process held at most ${shown[2]} MiB before it loaded the network and ${shown[3]} MiB after it explained`,
    );
  });
});

it("the README's table is of these runtimes and bits", () => {
  const readme = readFileSync("README.md", "utf8");
  const table = /<!-- runtimes -->\n([\s\S]*?)<!-- \/runtimes -->/.exec(readme)?.[1] ?? "";
  const rows = table.split("\n").flatMap((line) => {
    const [, name, , bits, fused] = line.split("|").map((cell) => cell.trim());
    return bits?.startsWith("`") ? [{ name: /\[(.*)\]/.exec(name)?.[1], bits, fused }] : [];
  });
  const [bits, fusedBits] = [recorded(), recordedFused()].map(({ all: digest }) => `\`${digest.slice(0, 8)}\``);
  const expected = runtimes.map(({ name, fuses }) => ({ name, bits, fused: fuses ? fusedBits : "" }));
  expect(rows, "`npm run runtimes` writes the table").toEqual(expected);
});
