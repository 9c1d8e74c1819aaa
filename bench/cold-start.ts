import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { summarise } from "./measure";
import { networks } from "./networks/index";
import { usualEngines } from "./peers/index";

const rounds = 7;

interface Start {
  readonly milliseconds: number;
  readonly megabytes: number;
}

/** Process start to the first SqueezeNet result, per engine, in a fresh process each time; engines in turns. */
function main(): void {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-bench-"));
  const file = join(folder, "squeezenet.onnx");
  writeFileSync(file, networks.squeezenet.build());
  const child = fileURLToPath(new URL("cold-start-child.js", import.meta.url));
  const starts = new Map<string, Start[]>(["empty", ...usualEngines].map((name) => [name, []]));
  // One unmeasured round brings every file into the page cache.
  for (let round = -1; round < rounds; round++) {
    for (const [name, measured] of starts) {
      const start: Start = JSON.parse(execFileSync(process.execPath, [child, name, file], { encoding: "utf8" }));
      if (round >= 0) measured.push(start);
    }
  }
  rmSync(folder, { recursive: true });

  console.log(
    `Process start to the first SqueezeNet 1.1 result, Node ${process.versions.node}, medians of ${rounds} processes`,
  );
  console.log("               ms   peak MB");
  for (const [name, measured] of starts) {
    const time = summarise(measured.map(({ milliseconds }) => milliseconds)).median;
    const memory = summarise(measured.map(({ megabytes }) => megabytes)).median;
    console.log(`${name.padEnd(11)}${time.toFixed(0).padStart(6)}${memory.toFixed(0).padStart(10)}`);
  }
}

main();
