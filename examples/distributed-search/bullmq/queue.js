// What producer and workers agree on.
export const queueName = "shards";
const { hostname, port, pathname } = new URL(process.env.REDIS_URL ?? "redis://localhost:6379");
/** BullMQ waits as long as it takes for Redis to come back. */
export const connection = {
  host: hostname,
  port: Number(port || 6379),
  db: Number(pathname.slice(1) || 0),
  maxRetriesPerRequest: null,
};
/** Milliseconds after which a silent worker is given up. */
export const silence = Number(process.env.SILENCE ?? 30_000);
