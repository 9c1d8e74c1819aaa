/** Whether this build is slower than another one, or than the runs before. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { Result } from "./comparison";
import { summarise } from "./measure";

/** Beyond this a difference is named. */
const tolerance = 1.05;
/** Runs of the history that count. */
const remembered = 5;

/** What is measured: of the build that is compared, against the other one, in the same rounds. */
export function slowerThanAgainst(results: readonly Result[]): string[] {
  return results
    .filter(({ engine }) => engine === "seethrough")
    .flatMap((own) => {
      const other = results.find(
        ({ engine, kind, subject }) => engine === "against" && kind === own.kind && subject === own.subject,
      );
      const ratio = other ? own.median / other.median : 0;
      return ratio > tolerance ? [`SLOWER: ${nameOf(own)} takes ${ratio.toFixed(2)} times as long as there.`] : [];
    });
}

/** A measurement in the file: how many times longer than a billion operations of the peak loop in the same rounds. */
interface Entry {
  readonly date: string;
  readonly machine: string;
  readonly name: string;
  readonly milliseconds: number;
  readonly peaks: number;
}

/**
 * Adds the results to a history, and says what is slower than before. Times are compared by the peak loop's, since the machine is not always
 * as fast; where no work is known a result is kept out.
 *
 * @param file  a line of JSON a measurement
 */
export function slowerThanBefore(file: string, results: readonly Result[], machine: string): string[] {
  const before = existsSync(file)
    ? readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Entry)
    : [];
  const date = new Date().toISOString();
  const entries = results.flatMap((result): Entry[] =>
    result.shareOfPeak === undefined || result.engine === "against"
      ? []
      : [{ date, machine, name: nameOf(result), milliseconds: result.median, peaks: 1 / result.shareOfPeak }],
  );
  appendFileSync(file, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
  return entries.flatMap(({ name, peaks }) => {
    const known = before.filter((entry) => entry.machine === machine && entry.name === name).slice(-remembered);
    if (known.length === 0) return [];
    const ratio = peaks / summarise(known.map((entry) => entry.peaks)).median;
    return ratio > tolerance ? [`SLOWER: ${name} takes ${ratio.toFixed(2)} times as long as in ${file}.`] : [];
  });
}

const nameOf = ({ engine, kind, subject }: Result): string => `${engine}, ${subject}, ${kind}`;
