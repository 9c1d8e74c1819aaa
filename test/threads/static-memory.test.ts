/**
 * What kernels write beside their results is the same place in every thread. Each such place is known here, with what keeps two threads
 * from meeting there; a kernel that gets another one is not to be divided (src/wasm/threads/cuts.ts) before it is.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { cuts } from "../../src/wasm/threads/cuts";

const known: Readonly<Record<string, string>> = {
  "activation.ts lastVector": "only the part with the end of the row has a rest",
  "activation.ts lastVectors": "only the part with the end of the row has a rest",
  "elementwise.ts everywhere": "divided only where all threads write the same numbers",
  "winograd-transforms.ts fewKernels": "winogradWeights is not divided",
  "winograd-transforms.ts line": "winogradWeights is not divided",
};

it("knows every place that kernels write to beside their results", () => {
  const places = readdirSync("assembly")
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) =>
      [...readFileSync(`assembly/${file}`, "utf8").matchAll(/const (\w+)[^=\n]*= memory\.data\(\s*\d/g)].map(
        ([, name]) => `${file} ${name}`,
      ),
    );
  expect(places.sort()).toEqual(Object.keys(known).sort());
  expect(Object.keys(cuts)).not.toContain("winogradWeights");
});
