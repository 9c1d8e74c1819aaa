import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const config = readFileSync("tsup.config.ts", "utf8");

it("every reader that a file's format asks for is a part by itself: pages that load ONNX files carry nothing of it", () => {
  const text = readFileSync("src/model/file-graph.ts", "utf8");
  const readers = [...text.matchAll(/import\("(\.[^"]+)"\)/g)].map(([, path]) => join("src/model", `${path}.ts`));
  expect(readers).toContain("src/tflite/lite-reader.ts");
  expect(readers.filter((path) => !existsSync(path))).toEqual([]);
  const shared = readers.filter((path) => !config.includes(`: "${path}",`));
  expect(shared, "loaded on demand, and not in `parts` of tsup.config.ts").toEqual([]);
});
