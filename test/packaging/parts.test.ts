import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const config = readFileSync("tsup.config.ts", "utf8");

it.each([
  ["src/model/file-graph.ts", "src/tflite/lite-reader.ts"],
  ["src/model/static-network.ts", "src/compile/lowering/compounds.ts"],
  ["src/compile/combine-operators.ts", "src/compile/combine-pieces.ts"],
])(
  "what %s loads where a file asks for it is a part by itself: pages whose files do not carry nothing of it",
  (whose, one) => {
    const text = readFileSync(whose, "utf8");
    const loaded = [...text.matchAll(/import\("(\.[^"]+)"\)/g)].map(([, path]) => join(dirname(whose), `${path}.ts`));
    expect(loaded).toContain(one);
    expect(loaded.filter((path) => !existsSync(path))).toEqual([]);
    const shared = loaded.filter((path) => !config.includes(`: "${path}",`));
    expect(shared, "loaded on demand, and not in `parts` of tsup.config.ts").toEqual([]);
  },
);
