// One of any number of workers: node bullmq/work.js FOLDER. Ends with Ctrl-C; may be killed at any time.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "bullmq";
import { loadModel } from "seethrough";
import { auditShard } from "../audit.js";
import { searchShard } from "../search.js";
import { connection, queueName, silence } from "./queue.js";

const [folder] = process.argv.slice(2);
const model = await loadModel();

const worker = new Worker(
  queueName,
  async ({ name, data }) => {
    console.log(`${data.shard} begins`);
    // The result of the job is the part; BullMQ keeps it in Redis together with "done", in one step.
    const look = name === "audit" ? auditShard : searchShard;
    return look(model, data, (id) => readFile(join(folder, id)));
  },
  {
    connection,
    // A worker that has not renewed its lock for this long is taken for dead, and its job goes to another one.
    lockDuration: silence,
    stalledInterval: silence,
    // However often that happens: the shard is innocent.
    maxStalledCount: 100,
  },
);
worker.on("completed", ({ data }) => console.log(`${data.shard} done`));
worker.on("failed", (job, error) => console.error(`${job?.data.shard} failed: ${error.message}`));
worker.on("error", (error) => console.error(error.message));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => worker.close());
console.log("ready");
