// The same search in one process, for comparison: node one-process.js FOLDER RESULT.json
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadModel, mergeTopActivations } from "seethrough";
import { searchShard, shardsOf, summary } from "./search.js";

const [folder, out] = process.argv.slice(2);
const model = await loadModel();
const parts = [];
for (const shard of shardsOf(await readdir(folder))) {
  parts.push(await searchShard(model, shard, (id) => readFile(join(folder, id))));
}
const result = mergeTopActivations(...parts);
await writeFile(out, JSON.stringify(result));
console.log(summary(result));
