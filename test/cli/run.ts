import { execFile } from "node:child_process";

export interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the built command line. */
export const run = (...words: readonly string[]): Promise<Finished> =>
  new Promise((resolve) => {
    execFile("node", ["dist/cli.js", ...words], (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
