// Hands out the shards, waits for them and joins the parts: node bullmq/search.js FOLDER RESULT.json
import { readdir, writeFile } from "node:fs/promises";
import { Queue } from "bullmq";
import { mergeTopActivations } from "seethrough";
import { shardsOf, summary } from "../search.js";
import { connection, queueName } from "./queue.js";

const [folder, out] = process.argv.slice(2);
const queue = new Queue(queueName, { connection });
const shards = shardsOf(await readdir(folder));
// A shard that is in the queue already is not added again: this program may be killed and started anew, too.
await queue.addBulk(
  shards.map((data) => ({
    name: "search",
    data,
    opts: { jobId: data.shard, attempts: 5, backoff: { type: "exponential", delay: 1000 } },
  })),
);

/** Asked for, not waited for: an event that is missed would be waited for in vain. */
async function finished() {
  for (;;) {
    const jobs = await Promise.all(shards.map(({ shard }) => queue.getJob(shard)));
    const failed = await Promise.all(jobs.map((job) => job.isFailed()));
    const lost = jobs.filter((_, i) => failed[i]);
    if (lost.length) throw new Error(lost.map(({ id, failedReason }) => `${id}: ${failedReason}`).join("\n"));
    if (jobs.every(({ returnvalue }) => returnvalue)) return jobs.map(({ returnvalue }) => returnvalue);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const result = mergeTopActivations(...(await finished()));
await writeFile(out, JSON.stringify(result));
console.log(summary(result));
await queue.obliterate({ force: true });
await queue.close();
