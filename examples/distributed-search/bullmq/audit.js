// The same workers audit the folder: node bullmq/audit.js FOLDER RESULT.json
import { readdir, writeFile } from "node:fs/promises";
import { Queue } from "bullmq";
import { mergeAudits } from "seethrough";
import { auditShardsOf } from "../audit.js";
import { connection, queueName } from "./queue.js";
import { finished, handOut } from "./shards.js";

const [folder, out] = process.argv.slice(2);
const queue = new Queue(queueName, { connection });
const shards = auditShardsOf(await readdir(folder));
await handOut(queue, "audit", shards);
// Clusters and suspicions are found here, of all pictures together.
const result = await mergeAudits(...(await finished(queue, shards)));
await writeFile(out, JSON.stringify(result));
const { images, failures, classes, suspicions } = result;
console.log(`${images.length} images in ${shards.length} shards, ${failures.length} unreadable`);
console.log(`${classes.length} answers, ${suspicions.length} suspicions`);
await queue.obliterate({ force: true });
await queue.close();
