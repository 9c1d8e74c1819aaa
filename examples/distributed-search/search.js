// What is searched, the same for everyone who works on it: parts of different searches do not merge.
import { decodeImage, topActivations } from "seethrough";

export const options = { layer: "relu6", top: 3, sample: 8 };

/** Images per shard: small enough to be repeated without regret, large enough to be worth a message. */
const shardSize = 16;

/** @returns `{ shard, keys }` for each message; names and order depend on the keys alone, so that a repetition is one */
export function shardsOf(keys) {
  const sorted = [...keys].sort();
  const count = Math.ceil(sorted.length / shardSize);
  return Array.from({ length: count }, (_, i) => ({
    shard: `shard-${String(i).padStart(5, "0")}`,
    keys: sorted.slice(i * shardSize, (i + 1) * shardSize),
  }));
}

/** @param read  the bytes of the image with this key */
export function searchShard(model, { shard, keys }, read) {
  const images = keys.map((id) => ({ id, image: async () => decodeImage(await read(id)) }));
  return topActivations(model, images, { ...options, shard, onError: "skip" });
}

/** A few lines for people. */
export function summary({ images, shards, failures, units }) {
  const best = [...units].sort((a, b) => b.top[0].score - a.top[0].score).slice(0, 3);
  const hits = ({ unit, top }) => `unit ${unit}: ${top.map(({ id, score }) => `${id} ${score.toFixed(2)}`).join(", ")}`;
  const counts = `${images} images in ${Object.keys(shards).length} shards, ${failures.length} unreadable`;
  return [counts, ...best.map(hits)].join("\n");
}
