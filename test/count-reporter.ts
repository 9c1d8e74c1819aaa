import type { Reporter, TestModule } from "vitest/node";
import { longSuites } from "./suites.ts";

/** Prints which suites were left out, and the number of tests as the last line, in the plain form that any script can read. */
export class CountReporter implements Reporter {
  readonly #leftOut: readonly string[];

  constructor(leftOut: readonly string[]) {
    this.#leftOut = leftOut;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== "pending") counts[state]++;
      }
      // A file that does not even load has no tests to count.
      if (module.state() === "failed" && counts.failed === 0) counts.failed++;
    }
    if (this.#leftOut.length > 0) {
      console.log(
        "Left out, because they take minutes (npm run test:all runs everything, npm run test:long these alone):",
      );
      for (const path of this.#leftOut) console.log(`  ${path}: ${longSuites[path]}`);
    }
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
