/** What the workers made of shards, in their order. Asked for, not waited for: an event that is missed would be waited for in vain. */
export async function finished(queue, shards) {
  for (;;) {
    const jobs = await Promise.all(shards.map(({ shard }) => queue.getJob(shard)));
    const failed = await Promise.all(jobs.map((job) => job.isFailed()));
    const lost = jobs.filter((_, i) => failed[i]);
    if (lost.length) throw new Error(lost.map(({ id, failedReason }) => `${id}: ${failedReason}`).join("\n"));
    if (jobs.every(({ returnvalue }) => returnvalue)) return jobs.map(({ returnvalue }) => returnvalue);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A shard that is in the queue already is not added again: who hands them out may be killed and started anew, too. */
export const handOut = (queue, name, shards) =>
  queue.addBulk(
    shards.map((data) => ({
      name,
      data,
      opts: { jobId: data.shard, attempts: 5, backoff: { type: "exponential", delay: 1000 } },
    })),
  );
