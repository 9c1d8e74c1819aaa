// Hands out the shards, waits for them and joins the parts: node bullmq/search.js FOLDER RESULT.json
import { readdir, writeFile } from "node:fs/promises";
import { Queue } from "bullmq";
import { mergeTopActivations } from "seethrough";
import { shardsOf, summary } from "../search.js";
import { connection, queueName } from "./queue.js";
import { finished, handOut } from "./shards.js";

const [folder, out] = process.argv.slice(2);
const queue = new Queue(queueName, { connection });
const shards = shardsOf(await readdir(folder));
await handOut(queue, "search", shards);
const result = mergeTopActivations(...(await finished(queue, shards)));
await writeFile(out, JSON.stringify(result));
console.log(summary(result));
await queue.obliterate({ force: true });
await queue.close();
