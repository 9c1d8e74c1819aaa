import type { Result } from "./comparison";

const columns = ["engine", "ms", "±", "GFLOP/s", "of peak", "GB/s", "× first", "× forward", "difference"] as const;
const engineWidth = 18;
const numberWidth = 11;
/** Beyond this deviation of the peak loop the figures of a measurement are not worth quoting. */
const restless = 0.03;

const number = (value: number | undefined, digits: number): string =>
  value === undefined ? "" : value.toFixed(digits);

function row(cells: readonly string[]): string {
  const [engine, ...numbers] = cells;
  return `  ${engine.padEnd(engineWidth)}${numbers.map((cell) => cell.padStart(numberWidth)).join("")}`.trimEnd();
}

export const header = row(columns);

/** One network or layer: a line with its name, then a line per engine. */
export function table(results: readonly Result[]): string {
  const [first] = results;
  if (!first) return "";
  const lines = results.map((result) =>
    row([
      result.engine,
      number(result.median, result.median < 10 ? 3 : 1),
      number(result.deviation, result.median < 10 ? 3 : 1),
      number(result.gigaflops, 1),
      result.shareOfPeak === undefined ? "" : `${(100 * result.shareOfPeak).toFixed(0)} %`,
      number(result.gigabytesPerSecond, 1),
      number(result.timesFirst, 2),
      number(result.timesForward, 2),
      result.error.toExponential(1),
    ]),
  );
  const title = first.kind === "gradient" ? `${first.subject}, gradient` : first.subject;
  const warning = first.unrest > restless ? ` — machine busy, peak ±${(100 * first.unrest).toFixed(0)} %` : "";
  return [title + warning, ...lines].join("\n");
}
